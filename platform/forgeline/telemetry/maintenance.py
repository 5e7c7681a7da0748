"""Keeping the store in bounds: chunks ahead, retention by days and by disk, compression, the commit log's length.

Not here: when it runs (tasks).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from django.conf import settings

from forgeline.base.clock import from_us, now_us as clock_now_us
from forgeline.telemetry import followers, metrics
from forgeline.telemetry.door import oldest_accepted_us
from forgeline.telemetry.engines import upkeep
from forgeline.telemetry.engines.base import Chunk
from forgeline.telemetry.engines.catalogue import current_engine
from forgeline.telemetry.retention import EXCESS_DAYS

DAY_US = 86_400_000_000
DAYS_AHEAD = 3
COMPRESS_AFTER_DAYS = 7
"""Younger chunks may still get what a spool replays; writing into columns is slow."""
MINUTES_KEPT_DAYS = 92

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StorageReport:
    """How full the store is. ``disk_bytes`` is None where the server's disk cannot be seen from here."""

    engine: str
    used_bytes: int
    disk_bytes: int | None
    limit_bytes: int | None
    oldest_at: datetime | None
    days_left: float | None
    """Until samples are dropped for want of disk, at the rate of the last days; None where that is not in sight."""


def make_chunks_ahead(*, now_us: int | None = None) -> None:
    """Make the chunks of the coming days, so that no batch has to."""
    now = clock_now_us() if now_us is None else now_us
    current_engine().ensure_chunks(now, now + DAYS_AHEAD * DAY_US)


def read_storage(*, now_us: int | None = None) -> StorageReport:
    """Return how full the store is and how long it will last."""
    now = clock_now_us() if now_us is None else now_us
    engine = current_engine()
    chunks = engine.list_chunks()
    used = upkeep.read_store_bytes()
    disk = _disk_bytes()
    limit = None if disk is None else round(disk * settings.TELEMETRY["RETENTION_DISK_SHARE"])
    full = [chunk for chunk in chunks if chunk.size_bytes and chunk.from_us < now]
    oldest = None if not full else from_us(full[0].from_us)
    return StorageReport(
        engine.capabilities.name, used, disk, limit, oldest,
        None if limit is None else _days_left(full, used, limit, now),
    )  # fmt: skip


def _days_left(chunks: list[Chunk], used: int, limit: int, now_us: int) -> float | None:
    """By the mean of the last full days; None while there is none, or nothing grows."""
    recent = [chunk.size_bytes for chunk in chunks if now_us - 7 * DAY_US < chunk.to_us <= now_us]
    if not recent or sum(recent) == 0:
        return None
    return max(0.0, (limit - used) / (sum(recent) / len(recent)))


def _disk_bytes() -> int | None:
    """The disk is ours to see only where `make up` brought the database under our own state folder."""
    if urlsplit(settings.ENV["FORGELINE_DATABASE_URL"]).hostname not in (
        None,
        "",
        "localhost",
        "127.0.0.1",
        "::1",
    ):
        return None
    folder = Path(settings.VAR)
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).total


def apply_retention(*, now_us: int | None = None) -> int:
    """Drop chunks older than the retention, then the oldest while the store holds more than its share of the disk;
    delete what tenants keep shorter. Returns how many chunks went. Today's chunk never goes.
    """
    now = clock_now_us() if now_us is None else now_us
    engine = current_engine()
    gone = engine.drop_chunks(oldest_accepted_us(now))
    gone += engine.drop_chunks(now - MINUTES_KEPT_DAYS * DAY_US, tables=("telemetry_rollup_1m",))
    gone += _make_room(now)
    _apply_tenant_retention(now)
    _delete_excess(now)
    return gone


def _make_room(now_us: int) -> int:
    disk = _disk_bytes()
    if disk is None:
        return 0
    limit = disk * settings.TELEMETRY["RETENTION_DISK_SHARE"]
    engine, gone = current_engine(), 0
    for chunk in engine.list_chunks():
        used = upkeep.read_store_bytes()
        if used <= limit or chunk.to_us > now_us:
            break
        log.warning(
            "samples are dropped for want of disk",
            used_bytes=used,
            limit_bytes=round(limit),
            chunk=chunk.name,
        )
        gone += engine.drop_chunks(chunk.to_us)
    return gone


def _apply_tenant_retention(now_us: int) -> None:
    """The views cut at once; here the rows follow, chunk by chunk and by a list of points."""
    for tenant_id, raw_days in upkeep.list_retentions():
        before = now_us - round(raw_days * DAY_US)
        for table in ("telemetry_sample", "telemetry_text"):
            for chunk in current_engine().list_chunks(table):
                if chunk.to_us <= before:
                    upkeep.delete_rows(table, tenant_id, chunk.from_us, chunk.to_us)


def _delete_excess(now_us: int) -> None:
    """Delete raw samples beyond a plan that are older than they are kept, chunk by chunk."""
    edge = now_us - EXCESS_DAYS * DAY_US
    for excess_id, tenant_id, from_us_, until_us in upkeep.list_excesses():
        to_us_ = edge if until_us is None else min(edge, until_us)
        if to_us_ <= from_us_:
            continue
        for table in ("telemetry_sample", "telemetry_text"):
            for chunk in current_engine().list_chunks(table):
                low, high = max(chunk.from_us, from_us_), min(chunk.to_us, to_us_)
                if low < high:
                    upkeep.delete_rows(table, tenant_id, low, high)
        upkeep.move_excess(excess_id, to_us_)


def compress(*, now_us: int | None = None) -> int:
    """Turn old chunks into columns where the edition can; return how many."""
    now = clock_now_us() if now_us is None else now_us
    return current_engine().compress_chunks(now - COMPRESS_AFTER_DAYS * DAY_US)


def trim_commit_log(*, now_us: int | None = None) -> int:
    """Delete commits that every follower has had a day for; return how many."""
    now = clock_now_us() if now_us is None else now_us
    for follower, lag_s in upkeep.read_follower_lags().items():
        metrics.FOLLOWER_LAG.labels(follower).set(lag_s)
    return upkeep.delete_commits(now - followers.KEPT_US)
