"""The contract of a store engine: verbs, shapes, units, order. Written before either engine; no SQL here.

**What a store holds.** ``telemetry_sample`` and ``telemetry_text`` (one row for each point and time),
``telemetry_latest``, the roll-ups ``telemetry_rollup_1m``, ``_1h``, ``_1d`` and the commit log
``telemetry_commit``: the same names, columns and statements on both engines. An engine differs in DDL, in how time
is cut into chunks, in compression and in how old rows go.

**Units and time.** Times are int64 microseconds since the Unix epoch, UTC, in columns, and ``timestamptz`` in
tables, without loss. Intervals are half-open. Values are float8 in the point's own unit. NaN in a column is NULL in
a table.

**Duplicates.** ``(point, time)`` is unique: the last write wins. Within one batch the later row wins. A HELD row
(a value re-confirmed by the runtime) never replaces a measured one. Writing the same row again changes nothing, so
that "at least once" on the wire is "exactly once" on disk.

**Order.** Rows come back by point, then time, ascending. A commit becomes visible to followers in an order that no
later commit can slip into (``CommitPosition``), however long its transaction took.

**Buckets.** A bucket is ``[start, end)``. Minutes are aligned to UTC (every zone's offset in use is a whole number
of minutes); hours to full hours of the plant's clock; days run from local midnight to local midnight, so that a
change to summer time makes a day of 23 hours and the change back one of 25. Where the clock skips midnight, the
day starts at the first instant of its date. A bucket is named by its start.

**Roll-up columns** (of the samples in a bucket; "measured" leaves out HELD; only quality GOOD counts as a value, as
OPC UA Part 13 does by default with TreatUncertainAsBad):

- ``count`` measured samples of any quality; ``good_count`` measured and GOOD
- ``minimum, maximum, total, first, last`` of the measured GOOD values; NULL where there is none
- ``integral`` value x seconds and ``covered_s`` seconds: every GOOD sample, HELD ones too, holds its value until the
  next sample of any quality, at most 3 times the expected interval; a hold that crosses the bucket's border counts
  on both sides with its share
- ``increase`` for counters: the sum over neighbouring measured GOOD values of ``b - a``, or ``b`` where it fell (the
  counter was reset). A pair across a border is shared by time when it lies no further apart than 3 expected
  intervals; else all of it belongs to the bucket in which it became known. No increase is ever lost or doubled.

A bucket in which nothing was measured and nothing covered has no row.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HOLD_INTERVALS = 3
"""A value holds at most this many expected intervals."""

FAST_INTERVAL_S = 20.0
"""Points expected at least this often have roll-ups of a minute."""


class Resolution(StrEnum):
    """How finely an answer is cut; RAW is the samples themselves."""

    RAW = "raw"
    MINUTE = "1m"
    HOUR = "1h"
    DAY = "1d"


ROLLUP_TABLES = {
    Resolution.MINUTE: "telemetry_rollup_1m",
    Resolution.HOUR: "telemetry_rollup_1h",
    Resolution.DAY: "telemetry_rollup_1d",
}

SAMPLE_TABLES = ("telemetry_sample", "telemetry_text")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can, as facts; nobody asks for an engine by its name."""

    name: str
    compresses: bool
    """Old chunks become columns (TimescaleDB Community edition)."""
    makes_chunks: bool
    """Chunks come into being with the first row; else they are made ahead and on demand."""
    accepts_copy: bool = True
    """False for a server that cannot take COPY FROM STDIN: every row goes by upsert."""


class CommitPosition(NamedTuple):
    """A place in the commit log: everything up to it has been handled. Starts at (0, 0)."""

    xid: int
    seq: int


class WriteCounts(NamedTuple):
    """What a write did: rows that are new, and rows that took another's place (or were equal to it)."""

    inserted: int
    replaced: int


@dataclass(frozen=True, slots=True, eq=False)
class CommitRow:
    """What one batch changed for one tenant."""

    tenant_id: int
    point_ids: NDArray[np.int32]
    from_us: int
    to_us: int
    inserted: int
    replaced: int
    late_point_ids: NDArray[np.int32]
    """Points of which a row was not newer than what was stored: their past changed, from ``late_from_us`` on."""
    late_from_us: int | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a table's time: ``[from_us, to_us)``."""

    name: str
    from_us: int
    to_us: int
    size_bytes: int


class Engine(abc.ABC):
    """What differs between the engines. What they share is in engines/store."""

    capabilities: Capabilities

    @abc.abstractmethod
    def ensure_chunks(self, from_us: int, to_us: int) -> None:
        """Make sure that rows of ``[from_us, to_us]`` find a chunk. Cheap when it is so already; commits by itself.

        **Raises** UnavailableError when the store is away.
        """

    @abc.abstractmethod
    def forget_chunks(self) -> None:
        """Forget what is known of chunks, after another process dropped one."""

    @abc.abstractmethod
    def list_chunks(self, table: str = "telemetry_sample") -> list[Chunk]:
        """Return a table's chunks, oldest first."""

    @abc.abstractmethod
    def drop_chunks(self, before_us: int, *, tables: tuple[str, ...] = SAMPLE_TABLES) -> int:
        """Drop every chunk that ends at or before ``before_us``; return how many went."""

    @abc.abstractmethod
    def compress_chunks(self, before_us: int, *, tables: tuple[str, ...] = SAMPLE_TABLES) -> int:
        """Turn chunks that end at or before ``before_us`` into columns where the edition can; return how many."""
