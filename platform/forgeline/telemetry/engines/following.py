"""Reads for who follows the commit log by points, on the app's connection, inside a tenant's scope.

Not here: which points those are, and how they are told (telemetry/feed).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forgeline.base.clock import from_us
from forgeline.telemetry.engines.base import CommitPosition
from forgeline.telemetry.engines.reads import fetch

_US = "(date_part('epoch', ts) * 1e6)::bigint"

# Every commit is looked at, so that the position moves; of its thousands of points only those asked for travel.
_COMMITS = """
SELECT xid::text::bigint, seq, (date_part('epoch', ts_from) * 1e6)::bigint, (date_part('epoch', ts_to) * 1e6)::bigint,
       ARRAY(SELECT u.id FROM unnest(point_ids) AS u (id) WHERE u.id = ANY (%(points)s::integer[]))
FROM telemetry_commit
WHERE (xid, seq) > (%(xid)s::text::xid8, %(seq)s) AND xid < %(end)s::text::xid8
ORDER BY xid, seq LIMIT %(limit)s
"""

# A probe of the index a point and span; the bounds of all of them are said once more, so that chunks are pruned.
_SPANS = f"""
SELECT p.id, s.* FROM unnest(%(points)s::integer[], %(from)s::bigint[], %(to)s::bigint[]) AS p (id, from_us, to_us),
LATERAL (
    SELECT {_US} AS us, {{column}}, quality, flags FROM {{view}}
    WHERE point_id = p.id AND ts >= %(least)s AND ts <= %(most)s
      AND ts >= timestamptz 'epoch' + p.from_us * interval '1 microsecond'
      AND ts <= timestamptz 'epoch' + p.to_us * interval '1 microsecond'
    ORDER BY ts LIMIT %(limit)s
) s LIMIT %(limit)s
"""
_SAMPLES = _SPANS.format(column="value", view="telemetry_read_sample")
_TEXTS = _SPANS.format(column="text", view="telemetry_read_text")

_END = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"

_BEFORE = """
SELECT xid::text::bigint, seq FROM telemetry_commit
WHERE committed_at < %(before)s AND committed_at >= %(from)s AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY xid DESC, seq DESC LIMIT 1
"""

Span = tuple[int, int, int]
"""Point, from and to in µs, both inclusive."""


def read_certain_end() -> CommitPosition:
    """Return the position behind every commit that is certain by now, of whichever tenant."""
    return CommitPosition(int(fetch(_END, {})[0][0]), 0)


def read_end_before(before_us: int, from_us_: int) -> CommitPosition | None:
    """Return the tenant's last position of a span of time, or None where nothing was committed in it."""
    rows = fetch(_BEFORE, {"before": from_us(before_us), "from": from_us(from_us_)})
    return CommitPosition(*rows[0]) if rows else None


def read_commits_of(
    points: Sequence[int], after: CommitPosition, end: CommitPosition, *, limit: int
) -> list[tuple[int, int, int, int, list[int]]]:
    """Return (xid, seq, from_us, to_us, those of the points that are in it) of the commits between two positions."""
    parameters = {"points": list(points), "xid": after.xid, "seq": after.seq, "end": end.xid, "limit": limit}
    return fetch(_COMMITS, parameters)


def read_spans(spans: Sequence[Span], *, limit: int, is_text: bool) -> list[tuple[Any, ...]]:
    """Return (point, ts_us, value or text, quality, flags) of all spans, at most ``limit`` rows in all."""
    if not spans:
        return []
    points, begins, ends = (list(column) for column in zip(*spans, strict=True))
    parameters = {
        "points": points, "from": begins, "to": ends, "limit": limit,
        "least": from_us(min(begins)), "most": from_us(max(ends)),
    }  # fmt: skip
    return fetch(_TEXTS if is_text else _SAMPLES, parameters)
