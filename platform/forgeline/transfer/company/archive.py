"""All that a company has, as a zip: tables as JSON, samples and roll-ups as Parquet, a README, a manifest with SHA-256.

Each part is a file of its own until all are there, so that a worker that dies loses one part. Secrets are left out.
"""

from __future__ import annotations

import json
import secrets
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.translation import gettext as _, gettext_lazy

from forgeline.assets.models import Point
from forgeline.assets.queries import read_home_zone
from forgeline.base import clock
from forgeline.identity.models import Membership
from forgeline.identity.policy import Actor, require_permission
from forgeline.identity.roles import OWN
from forgeline.jobs import files, services as jobs
from forgeline.jobs.models import Job
from forgeline.jobs.working import Step, Work
from forgeline.telemetry import exporting, queries
from forgeline.telemetry.exporting import SCHEMA, PointWords
from forgeline.tenancy.models import Tenant
from forgeline.transfer.actors import actor_of_job
from forgeline.transfer.company import tables
from forgeline.transfer.samples.exporting import describe_columns, file_name, write_point

KIND = "transfer.archive"
PAGE = 2000
ROLLUPS = {"1m": queries.Resolution.MINUTE, "1h": queries.Resolution.HOUR, "1d": queries.Resolution.DAY}
ROLLUP_MEANINGS = {
    "point_id": gettext_lazy("Number of the point."),
    "bucket_utc": gettext_lazy("Begin of the minute, hour or day of the plant, UTC."),
    "count": gettext_lazy("Samples in it."),
    "good_count": gettext_lazy("Good ones."),
    "covered_s": gettext_lazy("Seconds of it for which a value is known."),
    "integral": gettext_lazy(
        "Integral of the value over those seconds; divided by them: the time-weighted mean."
    ),
    "minimum": gettext_lazy("Lowest good value."),
    "maximum": gettext_lazy("Highest good value."),
    "total": gettext_lazy("Sum of the good values."),
    "first": gettext_lazy("First good value."),
    "last": gettext_lazy("Last good value."),
    "increase": gettext_lazy("Increase of a counter."),
}


def start_archive(*, actor: Actor) -> Job:
    """Have everything of the company written. For an owner."""
    require_permission(actor, OWN)
    return jobs.start(KIND, actor=actor, facts={}, subject=Tenant.objects.get().name)


def run(work: Work) -> Generator[Step, None, dict[str, Any]]:
    """Write the parts, then pack them (jobs.working)."""
    with work.scope():
        actor_of_job(work.job)
        rows = Point.objects.select_related("asset").order_by("pk")
        points = exporting.words_of(list(rows))
        retired = set(rows.filter(retired_at__isnull=False).values_list("pk", flat=True))
    folder = files.scratch(work.job)
    parts: list[dict[str, Any]] = list(work.position.get("parts", []))
    until_us = work.position.get("until_us") or clock.now_us()
    models = tables.list_models()
    plan: list[Any] = ["people", *models, *ROLLUPS, *points]
    for number in range(len(parts), len(plan)):
        each = plan[number]
        path = folder / str(number)
        if isinstance(each, PointWords):
            name, count = f"samples/{file_name(each)}.parquet", 0
            for more in write_point(work, each, 0, until_us, "parquet", path):
                count += more
                yield _step(number, len(plan), name, may_pause=False)
        elif each == "people":
            name, count = "tables/people.json", _write_people(work, path)
        elif isinstance(each, str):
            name, count = f"rollups/{each}.parquet", 0
            for more in _write_rollups(work, ROLLUPS[each], points, until_us, path):
                count += more
                yield _step(number, len(plan), name, may_pause=False)
        else:
            name, count = tables.file_of(each), 0
            for more in _write_table(work, each, path):
                count += more
                yield _step(number, len(plan), name, may_pause=False)
        parts.append({"name": name, "rows": count})
        yield _step(number, len(plan), name, position={"parts": parts, "until_us": until_us})
    yield _step(len(plan), len(plan), "archive.zip", may_pause=False)
    place = secrets.token_hex(16)
    with work.scope():
        facts, readme = tables.tenant_facts(), _readme(models, retired)
    documents = files.list_documents(work.job.tenant_id)
    _pack(folder.parent / place, folder, parts, documents, facts, readme)
    with work.scope():
        # By the company's own day: at midnight in Shanghai it is yesterday in UTC.
        on = clock.from_us(until_us).astimezone(ZoneInfo(read_home_zone()))
        name = f"{facts['slug']}-{on:%Y-%m-%d}.zip"
        files.keep(work.job, name, "application/zip", place)
        work.note({"parts": parts, "until_us": until_us})
    total = sum(part["rows"] for part in parts)
    sentence = _("%(files)d files with %(rows)d rows; README.md tells what each holds.") % {
        "files": len(parts) + len(documents) + 3, "rows": total,
    }  # fmt: skip
    return {"files": len(parts) + len(documents) + 3, "rows": total, "sentences": [sentence]}


def _step(
    number: int, of: int, name: str, *, position: dict[str, Any] | None = None, may_pause: bool = True
) -> Step:
    return Step(0.95 * number / of, name, position, may_pause=may_pause)


def _write_people(work: Work, path: Path) -> int:
    """Members with their names and addresses; what belongs to their own accounts is not the company's."""
    with work.scope():
        rows = [
            {"user_id": row.user_id, "name": row.user.name, "email": row.user.email, "role": row.role,
             "branches": row.branches, "created_at": row.created_at, "deactivated_at": row.deactivated_at}
            for row in Membership.objects.select_related("user").order_by("pk")
        ]  # fmt: skip
    path.write_text(json.dumps(rows, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1), encoding="utf-8")
    return len(rows)


def _write_table(work: Work, model: Any, path: Path) -> Generator[int, None, None]:
    """Write a JSON array, a row a line, in pages by the primary key."""
    fields = tables.columns_of(model)
    last: Any = None
    with path.open("w", encoding="utf-8") as out:
        out.write("[")
        first = True
        while True:
            with work.scope():
                rows = model._default_manager.order_by("pk")
                page = list(rows[:PAGE] if last is None else rows.filter(pk__gt=last)[:PAGE])
            for row in page:
                told = {field.attname: field.value_from_object(row) for field in fields}
                text = json.dumps(told, cls=DjangoJSONEncoder, ensure_ascii=False, default=None)
                out.write(("\n" if first else ",\n") + tables.conceal(text))
                first = False
            if len(page) < PAGE:
                break
            last = page[-1].pk
            yield len(page)
        out.write("\n]\n")
    yield len(page)


def _write_rollups(
    work: Work, resolution: queries.Resolution, points: list[PointWords], until_us: int, path: Path
) -> Generator[int, None, None]:
    kinds = {
        "point_id": pa.int32(),
        "bucket_utc": pa.timestamp("us", tz="UTC"),
        "count": pa.int32(),
        "good_count": pa.int32(),
    }
    schema = pa.schema([pa.field(name, kinds.get(name, pa.float64())) for name in ROLLUP_MEANINGS])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for point in points:
            start = 0
            while True:
                with work.scope():
                    rows = queries.read_rollup_rows(
                        resolution, point.point_id, start, until_us, limit=exporting.GROUP
                    )
                if len(rows):
                    columns = [
                        pa.array(rows["bucket" if name == "bucket_utc" else name]).cast(
                            pa.timestamp("us", tz="UTC") if name == "bucket_utc" else schema.field(name).type
                        )
                        for name in ROLLUP_MEANINGS
                    ]
                    writer.write_table(pa.Table.from_arrays(columns, schema=schema))
                yield len(rows)
                if len(rows) < exporting.GROUP:
                    break
                start = int(rows["bucket"][-1]) + 1


def _pack(
    target: Path,
    folder: Path,
    parts: list[dict[str, Any]],
    documents: list[Path],
    facts: dict[str, Any],
    readme: str,
) -> None:
    told = json.dumps(facts, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)
    for name, text in (("company.json", told), ("README.md", readme)):
        (folder / name).write_text(text, encoding="utf-8")
    entries = [*((folder / name, name, 1) for name in ("company.json", "README.md")),
               *((folder / str(number), part["name"], part["rows"]) for number, part in enumerate(parts)),
               *((path, f"documents/{path.name}", 1) for path in documents)]  # fmt: skip
    manifest = [
        {"name": name, "rows": rows, "bytes": path.stat().st_size, "sha256": files.sha256_of(path)}
        for path, name, rows in entries
    ]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, name, _rows in entries:
            # Parquet is packed already.
            packed.write(
                path, name, zipfile.ZIP_STORED if name.endswith(".parquet") else zipfile.ZIP_DEFLATED
            )
        packed.writestr("manifest.json", json.dumps({"files": manifest}, indent=1))


def _readme(models: list[Any], retired: set[int]) -> str:
    """Return the README in the language of who asked for the archive."""
    at = clock.now().astimezone(ZoneInfo(read_home_zone()))
    intro = _(
        "Everything that Forgeline holds of this company, written %(at)s. `manifest.json` lists each file with its "
        "rows, bytes and SHA-256. Passwords, keys, tokens and sealed options are left out."
    ) % {"at": f"{at:%Y-%m-%d %H:%M %z}"}
    files_ = {
        "company.json": _("the company itself."),
        "tables/people.json": _("members with name, e-mail address, role and parts of the plant."),
        "tables/<area>/<table>.json": _(
            "configuration, alarms with their journal, audit, messages, billing."
        ),
        "samples/<machine>_<point>_<number>.parquet": _(
            "raw samples of a point, by time, as far as they are kept."
        ),
        "documents/<SHA-256>": _(
            "what was laid beside machines, orders and plans; tables name each by `sha256`."
        ),
        "rollups/1m.parquet, 1h.parquet, 1d.parquet": _("minutes, hours and days of every point."),
    }
    retired_words = _("Points out of use, whose history is included: %(n)d.") % {"n": len(retired)}
    head = [
        f"# {Tenant.objects.get().name}\n\n{intro}\n",
        *(f"- `{name}`: {meaning}" for name, meaning in files_.items()),
        f"\n{retired_words}",
        f"\n## {_('Samples')}\n\n{describe_columns(SCHEMA.names)}",
        f"\n## {_('Roll-ups')}\n\n| {_('column')} | {_('meaning')} |\n|---|---|",
        *(f"| {name} | {meaning} |" for name, meaning in ROLLUP_MEANINGS.items()),
        f"\n## {_('Tables')}\n\n",
    ]
    return "\n".join(head) + "\n\n".join(tables.describe(model) for model in models) + "\n"
