"""Raw samples of many points over a long time, as a zip with one file for each point. A point is a step."""

from __future__ import annotations

import csv
import io
import secrets
import zipfile
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from django.utils.translation import gettext as _, pgettext

from forgeline.assets.models import Point
from forgeline.base import clock
from forgeline.base.errors import InvalidInputError
from forgeline.base.spreadsheet import BOM, safe_cells
from forgeline.identity.policy import Actor, require_permission
from forgeline.jobs import files, services as jobs
from forgeline.jobs.models import Job
from forgeline.jobs.working import Step, Work
from forgeline.telemetry import exporting
from forgeline.telemetry.exporting import MEANINGS, SCHEMA, PointWords
from forgeline.transfer.actors import actor_of_job

KIND, VIEW = "transfer.sample_export", "telemetry.view"
MOST_POINTS = 1000
CSV_COLUMNS = [name for name in SCHEMA.names if name not in {"point_id", "text"}]


def start_export(
    *, point_ids: Sequence[int], since: datetime, until: datetime, form: str, actor: Actor
) -> Job:
    """Have every raw sample of points in ``[since, until)`` written. **Raises** InvalidInputError."""
    require_permission(actor, VIEW)
    if since >= until:
        sentence = _("The interval is empty: from must be before to.")
        raise InvalidInputError.at("until", sentence)
    chosen = list(dict.fromkeys(point_ids))
    if not 0 < len(chosen) <= MOST_POINTS:
        sentence = _("Choose a part of the plant with 1 to %(most)d points.") % {"most": MOST_POINTS}
        raise InvalidInputError.at("points", sentence)
    found = set(Point.objects.filter(pk__in=chosen).values_list("pk", flat=True))
    missing = [str(each) for each in chosen if each not in found]
    if missing:
        sentence = _("There are no points %(ids)s that you may see.") % {"ids": ", ".join(missing[:20])}
        raise InvalidInputError.at("points", sentence)
    span = f"{since:%Y-%m-%d} – {until:%Y-%m-%d}"
    facts = {"points": chosen, "from_us": _us(since), "to_us": _us(until), "form": form}
    return jobs.start(KIND, actor=actor, facts=facts, subject=f"{len(chosen)} × {span}")


def _us(at: datetime) -> int:
    """Microseconds of a moment, from 1970 to the last one that there is in UTC: a zone may reach beyond both ends."""
    return min(max(0, clock.to_us(at)), clock.to_us(datetime.max.replace(tzinfo=UTC)))


def run(work: Work) -> Generator[Step, None, dict[str, Any]]:
    """Write a file for each point, then pack them (jobs.working)."""
    facts = work.facts
    with work.scope():
        actor_of_job(work.job)
        rows = (
            Point.objects.select_related("asset")
            .filter(pk__in=facts["points"])
            .order_by("asset__name", "key", "pk")
        )
        points = exporting.words_of(list(rows))
    folder = files.scratch(work.job)
    done, samples = work.position.get("done", 0), work.position.get("samples", 0)
    for number in range(done, len(points)):
        path = folder / f"{number}.part"
        for count in write_point(work, points[number], facts["from_us"], facts["to_us"], facts["form"], path):
            samples += count
            words = {"n": number + 1, "of": len(points), "samples": samples}
            yield Step(
                0.9 * number / len(points),
                _("Point %(n)d of %(of)d, %(samples)d samples") % words,
                may_pause=False,
            )
        yield Step(0.9 * (number + 1) / len(points), "", {"done": number + 1, "samples": samples})
    yield Step(0.92, _("Packing"), may_pause=False)
    place = secrets.token_hex(16)
    target = folder.parent / place
    with zipfile.ZipFile(
        target, "w", zipfile.ZIP_STORED if facts["form"] == "parquet" else zipfile.ZIP_DEFLATED
    ) as packed:
        packed.writestr("README.md", _readme(points, facts))
        for number, point in enumerate(points):
            packed.write(folder / f"{number}.part", f"{file_name(point)}.{facts['form']}")
    with work.scope():
        files.keep(work.job, "samples.zip", "application/zip", place)
        work.note({"done": len(points), "samples": samples})
    sentence = _("%(samples)d samples of %(points)d points.") % {"samples": samples, "points": len(points)}
    return {"points": len(points), "samples": samples, "sentences": [sentence]}


def write_point(
    work: Work, point: PointWords, from_us: int, to_us: int, form: str, path: Path
) -> Iterator[int]:
    """Write one point's file; yield the rows of each piece."""
    groups = exporting.iterate_groups(work.scope, point, from_us, to_us)
    if form == "parquet":
        with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
            for table in groups:
                writer.write_table(table)
                yield len(table)
        return
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(BOM)
        out.write(",".join(CSV_COLUMNS) + "\r\n")
        for table in groups:
            out.write(csv_lines(table))
            yield len(table)


def csv_lines(table: Any) -> str:
    """Return rows as CSV in the columns of the stream of ``/samples/``."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    columns = {name: table.column(name).to_pylist() for name in (*CSV_COLUMNS, "text")}
    for at, time in enumerate(columns["time_utc"]):
        text = columns["text"][at]
        value = columns["value"][at] if text is None else safe_cells([text])[0]
        words = safe_cells(columns[name][at] for name in ("machine", "point", "unit"))
        shown = time.isoformat().replace("+00:00", "Z")
        writer.writerow(
            [shown, *words, "" if value is None else value, columns["quality"][at], columns["flags"][at]]
        )
    return buffer.getvalue()


def file_name(point: PointWords) -> str:
    """Return a name that every file system takes; the number keeps it apart from others."""
    words = "".join(
        each if each.isalnum() or each in "-_." else "_" for each in f"{point.machine}_{point.key}"
    )
    return f"{words[:100]}_{point.point_id}"


def describe_columns(names: Sequence[str]) -> str:
    """Return a table of columns for a README."""
    lines = [f"| {_('column')} | {pgettext('column', 'type')} | {_('meaning')} |", "|---|---|---|"]
    lines += [f"| {name} | {SCHEMA.field(name).type} | {MEANINGS[name]} |" for name in names]
    return "\n".join(lines)


def _readme(points: Sequence[PointWords], facts: dict[str, Any]) -> str:
    names = SCHEMA.names if facts["form"] == "parquet" else CSV_COLUMNS
    span = f"[{clock.from_us(facts['from_us']).isoformat()}, {clock.from_us(facts['to_us']).isoformat()})"
    about = _("Raw samples of %(n)d points, %(span)s; one file for each point, by time.")
    head = f"# {_('Samples')}\n\n{about % {'n': len(points), 'span': span}}\n\n"
    return head + describe_columns(names) + "\n"
