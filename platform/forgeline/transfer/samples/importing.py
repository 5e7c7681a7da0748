"""Samples of the past on their way through the one write door: block by block, gone on with wherever it broke off.

The place in the file is kept with the job after each block is on disk. A worker that dies between the two writes the
block once more, which changes nothing: a sample is known by its point and time.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from django.utils.translation import gettext as _

from forgeline.assets.queries import read_home_zone
from forgeline.base import clock
from forgeline.base.errors import InvalidInputError, NotFoundError
from forgeline.identity.policy import Actor, require_permission
from forgeline.jobs import files, services as jobs
from forgeline.jobs.models import File, Job
from forgeline.jobs.working import Step, Work
from forgeline.telemetry import ingest
from forgeline.telemetry.screening import Reason
from forgeline.transfer.actors import actor_of_job
from forgeline.transfer.samples.blocks import Block, Source, count_rows, open_source, read_blocks
from forgeline.transfer.samples.rows import (
    BROKEN,
    NOT_A_TIME,
    NOT_A_VALUE,
    UNKNOWN,
    PointBook,
    Shape,
    find_shape,
    make_rows,
)

KIND, WRITE = "transfer.samples", "telemetry.write"
MOST_FAULTS = 100
MOST_LISTED = 20


def start_import(*, actor: Actor, upload: File, zone: str = "", dry_run: bool = True) -> Job:
    """Have a file of samples tried (its first part), or stored.

    ``zone`` is that of times that tell none. **Raises** InvalidInputError at once for a file that is none, and where
    times tell no zone and none was given (``transfer.zone_needed``).
    """
    require_permission(actor, WRITE)
    if zone:
        _check_zone(zone)
    source = open_source(files.path_of(upload))
    shape = find_shape(source)
    first = next(read_blocks(source, {}), None)
    if first is None or not len(first.columns[shape.time]):
        raise InvalidInputError(_("The file has a heading and no rows."), key="transfer.unreadable")
    if not zone and make_rows(first, shape, PointBook(), "", most=1).is_naive:
        sentence = _(
            "The times of this file tell no zone; say in which zone they are, such as Asia/Shanghai."
        )
        raise InvalidInputError.at("zone", sentence, key="transfer.zone_needed")
    return jobs.start(
        KIND, actor=actor, upload=upload, subject=upload.name, facts={"zone": zone, "dry_run": dry_run}
    )


def store_tried(job_id: int, *, actor: Actor) -> Job:
    """Store the file of a trial."""
    tried = jobs.get_job(job_id, actor=actor)
    upload = tried.files.filter(is_input=True).first()
    if tried.kind != KIND or upload is None or not (tried.result or {}).get("can_apply"):
        raise InvalidInputError(
            _("Only a file that was tried, and of which something can be stored, can be stored.")
        )
    copy = files.copy(upload, actor=actor)
    return start_import(actor=actor, upload=copy, zone=tried.facts.get("zone", ""), dry_run=False)


def run(work: Work) -> Generator[Step, None, dict[str, Any]]:
    """Try or store a file of samples (jobs.working)."""
    with work.scope():
        upload = work.job.files.filter(is_input=True).first()
        if upload is None:
            raise NotFoundError(_("The file is not there any more; send it again."))
        actor_of_job(work.job)
        book = PointBook()
    source = open_source(files.path_of(upload))
    shape = find_shape(source)
    dry_run = bool(work.facts.get("dry_run", True))
    kept = {**_NOTHING, **work.position}
    if not kept["total"]:
        yield Step(0.01, _("Counting the rows"))
        kept["total"] = count_rows(source)
    for block in read_blocks(source, kept["after"]):
        kept = _take(block, source, shape, book, kept, zone=work.facts.get("zone", ""), dry_run=dry_run)
        words = {"n": block.after["row"], "of": kept["total"]}
        if dry_run:
            break
        yield Step(0.02 + 0.93 * block.share, _("Row %(n)d of %(of)d") % words, kept)
    if not dry_run:
        yield Step(0.96, _("Roll-ups follow"), kept)
        while not ingest.settle():
            work.tell(0.97, _("Roll-ups follow"))
    with work.scope():
        # The clock of the file where it was named, else that of the company.
        zone = work.facts.get("zone", "") or read_home_zone()
    return _result(kept, zone, dry_run=dry_run)


_NOTHING: dict[str, Any] = {
    "after": {}, "total": 0, "rows": 0, "accepted": 0, "existing": 0, "faults": {}, "listed": [], "unknown": {},
    "from_us": None, "to_us": None,
}  # fmt: skip


def _take(
    block: Block,
    source: Source,
    shape: Shape,
    book: PointBook,
    before: dict[str, Any],
    *,
    zone: str,
    dry_run: bool,
) -> dict[str, Any]:
    """Store a block (or only look at it); returns where the job stands afterwards, without touching ``before``."""
    left = max(0, MOST_FAULTS - len(before["listed"]))
    rows = make_rows(block, shape, book, zone, most=left)
    faults = dict(before["faults"])
    for reason, count in rows.fault_counts.items():
        faults[reason] = faults.get(reason, 0) + count
    told = list(rows.faults)
    accepted = existing = 0
    if len(rows.batch):
        if dry_run:
            reasons = ingest.screen_batch(rows.batch)
            accepted = int((reasons == 0).sum())
        else:
            result = ingest.ingest_batch(rows.batch)
            reasons, accepted, existing = result.reasons, result.accepted, result.replaced
        refused = np.flatnonzero(reasons)
        for code, count in zip(*np.unique(reasons[refused], return_counts=True), strict=True):
            key = Reason(int(code)).key
            faults[key] = faults.get(key, 0) + int(count)
        for at in refused[:left].tolist():
            word = f"{rows.batch.point_id[at]} {_shown(int(rows.batch.ts_us[at]))} {rows.batch.value[at]:g}"
            told.append((int(rows.row[at]), Reason(int(reasons[at])).key, word))
    told.sort()
    heading = 1 if source.is_parquet else 2
    listed = [[row + heading, reason, word] for row, reason, word in told[:left]]
    unknown = dict(before["unknown"])
    for word, count in rows.unknown.items():
        if word in unknown or len(unknown) < MOST_FAULTS:
            unknown[word] = unknown.get(word, 0) + count
    times = rows.batch.ts_us
    return {
        **before,
        "after": block.after,
        "rows": before["rows"] + len(block.columns[shape.time]),
        "accepted": before["accepted"] + accepted,
        "existing": before["existing"] + existing,
        "faults": faults,
        "listed": before["listed"] + listed,
        "unknown": unknown,
        "from_us": _least(before["from_us"], times, min),
        "to_us": _least(before["to_us"], times, max),
    }


def _least(before: int | None, times: Any, choose: Any) -> int | None:
    if not len(times):
        return before
    mine = int(choose(times.min(), times.max()))
    return mine if before is None else int(choose(before, mine))


def _result(kept: dict[str, Any], zone: str, *, dry_run: bool) -> dict[str, Any]:
    refused = sum(kept["faults"].values())
    words = {"rows": kept["rows"], "total": kept["total"], "accepted": kept["accepted"], "refused": refused}
    if dry_run:
        sentences = [
            _(
                "Of the first %(rows)d of %(total)d rows %(accepted)d samples can be stored, %(refused)d cannot."
            )
            % words
        ]
    elif refused and not kept["accepted"]:
        sentences = [_("Nothing was stored: all %(refused)d samples of %(rows)d rows were refused.") % words]
    else:
        sentences = [_("Of %(rows)d rows %(accepted)d samples are stored, %(refused)d were refused.") % words]
    if kept["existing"]:
        sentences.append(_("%(count)d of them were there before.") % {"count": kept["existing"]})
    if kept["from_us"] is not None:
        span = {"from": _shown(kept["from_us"], zone), "to": _shown(kept["to_us"], zone), "zone": zone}
        sentences.append(_("They reach from %(from)s to %(to)s (%(zone)s).") % span)
    if kept["unknown"]:
        names = ", ".join(list(kept["unknown"])[:MOST_LISTED])
        sentences.append(
            _("These points are unknown: %(names)s. Import them first, or correct their names.")
            % {"names": names}
        )
    if kept["faults"].get(Reason.TOO_OLD.key):
        sentences.append(_("Some times are older than raw samples are kept; lengthen that under History."))
    return {
        "rows": kept["rows"], "accepted": kept["accepted"], "existing": kept["existing"], "refused": refused,
        "reasons": kept["faults"], "unknown": kept["unknown"], "sentences": sentences,
        "counts": {reason_word(reason): count for reason, count in kept["faults"].items()},
        "faults": [
            {"sheet": "", "cell": str(row), "row": str(row), "column": "", "value": word, "sentence": reason_word(why)}
            for row, why, word in kept["listed"]
        ],
        "fault_count": refused,
        "can_apply": dry_run and kept["accepted"] > 0,
    }  # fmt: skip


def _shown(us: int, zone: str = "UTC") -> str:
    return f"{clock.from_us(us).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}" if abs(us) < 2**55 else "?"


def reason_word(reason: str) -> str:
    """Return what is wrong, and what helps."""
    words = {
        BROKEN: _("The row has more or fewer cells than there are headings."),
        NOT_A_TIME: _("No time; write it as 2026-01-31 08:00:00, or in milliseconds since 1970."),
        NOT_A_VALUE: _("No number."),
        UNKNOWN: _("There is no such point; write its path and key, or its number."),
        Reason.POINT_RETIRED.key: _("The point is out of use."),
        Reason.CLOCK_SKEW.key: _("The time lies in the future."),
        Reason.TOO_OLD.key: _("The time is older than raw samples are kept."),
        Reason.NOT_A_NUMBER.key: _("The value is empty; that needs the quality bad."),
        Reason.INFINITE.key: _("The value is infinite."),
        Reason.INTEGER_TOO_LARGE.key: _("The number is too large to be exact."),
        Reason.INVALID_QUALITY.key: _("The quality must be good, uncertain or bad."),
        Reason.NOT_A_STATE.key: _("A state is a whole number."),
        Reason.NOT_A_BOOLEAN.key: _("Yes or no is 1 or 0."),
        Reason.NO_TEXT.key: _("The text is missing."),
        Reason.TEXT_TOO_LONG.key: _("The text is too long."),
    }
    return words.get(reason, reason)


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        sentence = _("There is no time zone of this name; choose one such as Asia/Shanghai.")
        raise InvalidInputError.at("zone", sentence) from None
