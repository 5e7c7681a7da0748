"""Reads through the tenant's views, as columns. Each runs on the app's connection, inside a tenant's scope.

Every statement has a lower bound of time, so that chunks are pruned; "last before t" goes through a definer function
because ORDER BY … LIMIT does not pass a security barrier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from forgeline.base.clock import from_us
from forgeline.telemetry.engines.base import CommitPosition, Resolution
from forgeline.telemetry.engines.copy import PG_EPOCH_US
from forgeline.telemetry.engines.reference import COLUMNS, READ_REFERENCE
from forgeline.telemetry.engines.rollups import ROW, Tasks
from forgeline.tenancy.context import require_tenant_id

Columns = tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float64], NDArray[np.int16]]

# date_part answers in float8, which holds today's microseconds exactly once rounded; extract would go by numeric.
_US = "(date_part('epoch', ts) * 1e6)::bigint"

# A point at a time, so that each walks its index and stops at its limit.
_SAMPLES = f"""
SELECT p.id, s.* FROM unnest(%(points)s::int[]) AS p(id), LATERAL (
    SELECT {_US}, {{column}}, quality, flags, status FROM {{view}}
    WHERE point_id = p.id AND ts >= %(from)s AND ts < %(to)s ORDER BY ts LIMIT %(limit)s
) s
"""
_RAW = _SAMPLES.format(column="value", view="telemetry_read_sample")
_TEXT = _SAMPLES.format(column="text", view="telemetry_read_text")

# The lowest and the highest of each slice with their times: arrays compare by their first element. A slice without
# a value has one row of nulls, so that a line breaks there.
_PAIRS = """
SELECT point_id, (date_part('epoch', slice) * 1e6)::bigint, low[1], (low[2] * 1e6)::bigint,
       high[1], (high[2] * 1e6)::bigint, quality
FROM (
    SELECT point_id, date_bin(%(width)s * interval '1 microsecond', ts, %(from)s) AS slice, max(quality) AS quality,
           min(ARRAY[value, date_part('epoch', ts)]) FILTER (WHERE value IS NOT NULL) AS low,
           max(ARRAY[value, date_part('epoch', ts)]) FILTER (WHERE value IS NOT NULL) AS high
    FROM telemetry_read_sample WHERE point_id = ANY (%(points)s) AND ts >= %(from)s AND ts < %(to)s GROUP BY 1, 2
) s ORDER BY 1, 2
"""

_LATEST = f"""
SELECT point_id, {_US}, value, quality, flags, status, text FROM telemetry_read_latest
WHERE point_id = ANY (%(points)s) ORDER BY point_id
"""

_LAST_BEFORE = f"""
SELECT point_id, {_US}, value, quality, flags FROM telemetry_last_before(%(points)s, %(before)s) ORDER BY point_id
"""

_NEWS = """
SELECT string_agg(int4send(point_id), ''::bytea),
       string_agg(int8send((date_part('epoch', ts) * 1e6)::bigint), ''::bytea),
       string_agg(float8send(COALESCE(value, 'NaN')), ''::bytea), string_agg(int2send(quality), ''::bytea)
FROM telemetry_news(%(points)s::integer[], %(after)s::bigint[], %(limit)s)
"""

# A timestamp travels as whole microseconds since 2000: nothing is rounded, and nothing is computed for each row.
_COLUMNS = """
SELECT string_agg(int4send(point_id), ''::bytea), string_agg(timestamptz_send(ts), ''::bytea),
       string_agg(float8send(COALESCE(value, 'NaN')), ''::bytea), string_agg(int2send(quality), ''::bytea)
FROM (
    SELECT * FROM telemetry_read_sample WHERE point_id = ANY (%(points)s) AND ts >= %(from)s AND ts < %(to)s
    LIMIT %(limit)s
) s
"""

# Each column comes as one string of big-endian numbers: nine thousand rows would be a hundred thousand Python objects.
_ROLLUP = """
SELECT {columns} FROM (
    SELECT * FROM telemetry_read_rollup_{resolution}
    WHERE point_id = ANY (%(points)s) AND bucket >= %(from)s AND bucket < %(to)s
    ORDER BY point_id, bucket LIMIT %(limit)s
) r
"""


_NEWS_DTYPES = tuple(np.dtype(kind) for kind in (">i4", ">i8", ">f8", ">i2"))


def _sent(name: str) -> str:
    """How a roll-up column is sent; NaN stands for NULL."""
    if name == "bucket":
        sent = "int8send((date_part('epoch', bucket) * 1e6)::bigint)"
    elif ROW[name].kind == "i":
        sent = f"int4send({name})"
    else:
        sent = f"float8send(COALESCE({name}, 'NaN'))"
    return f"string_agg({sent}, ''::bytea)"


_SENT = ", ".join(_sent(name) for name in COLUMNS)

_COMMITS = """
SELECT xid::text::bigint, seq, (date_part('epoch', ts_from) * 1e6)::bigint, (date_part('epoch', ts_to) * 1e6)::bigint,
       inserted, replaced, point_ids, (date_part('epoch', late_from) * 1e6)::bigint, late_point_ids
FROM telemetry_commit
WHERE (xid, seq) > (%(xid)s::text::xid8, %(seq)s) AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY xid, seq LIMIT %(limit)s
"""


_STORED = """
SELECT date_trunc('hour', committed_at, 'UTC'), sum(inserted)::bigint,
       (max(ARRAY[xid::text::bigint, seq]))[1], (max(ARRAY[xid::text::bigint, seq]))[2]
FROM telemetry_commit
WHERE (xid, seq) > (%(xid)s::text::xid8, %(seq)s) AND xid < pg_snapshot_xmin(pg_current_snapshot())
GROUP BY 1 ORDER BY 1
"""

_ACTIVE = """
SELECT count(DISTINCT p.device_id) FROM telemetry_read_latest s JOIN assets_point p ON p.id = s.point_id
WHERE s.ts >= %(since)s
"""

# What nearly every call of the API asks first: written down here, Django takes longer to put them together than the
# database to answer.
_FACTS = """
SELECT p.id, p.unit, p.kind, p.expected_interval_s, z.zone
FROM assets_point p JOIN assets_asset a ON a.id = p.asset_id JOIN assets_site z ON z.id = a.site_id
WHERE p.tenant_id = %(tenant)s AND p.id = ANY (%(points)s)
"""
_OWN = "SELECT id FROM assets_point WHERE tenant_id = %(tenant)s AND id = ANY (%(points)s)"
_OF_ASSET = """
SELECT id FROM assets_point WHERE tenant_id = %(tenant)s AND asset_id = %(asset)s AND retired_at IS NULL
ORDER BY position, key LIMIT %(most)s
"""

_NEWEST = "SELECT max(ts) FROM telemetry_read_latest"

_END = """
SELECT xid::text::bigint, seq FROM telemetry_commit WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY xid DESC, seq DESC LIMIT 1
"""

# Of commits of which a follower is not told yet too: their samples can be read already.
_EARLIEST = """
SELECT (date_part('epoch', min(ts_from)) * 1e6)::bigint FROM telemetry_commit
WHERE (xid, seq) > (%(xid)s::text::xid8, %(seq)s)
"""


def fetch(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement, on the app's connection."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def read_facts(point_ids: Sequence[int]) -> list[tuple[Any, ...]]:
    """Return (id, unit, kind, expected_interval_s, zone) of those points that are the tenant's."""
    return fetch(_FACTS, {"tenant": require_tenant_id(), "points": list(point_ids)})


def keep_own(point_ids: Sequence[int]) -> set[int]:
    """Return those points that are the tenant's."""
    return {row[0] for row in fetch(_OWN, {"tenant": require_tenant_id(), "points": list(point_ids)})}


def list_points_of(asset_id: int, *, most: int) -> list[int]:
    """Return the points in use of a machine, by place."""
    parameters = {"tenant": require_tenant_id(), "asset": asset_id, "most": most}
    return [row[0] for row in fetch(_OF_ASSET, parameters)]


def _span(from_us_: int, to_us: int) -> dict[str, Any]:
    return {"from": from_us(from_us_), "to": from_us(to_us)}


def read_raw(
    point_ids: Sequence[int], from_us: int, to_us: int, *, limit: int, is_text: bool = False
) -> dict[int, list[tuple[Any, ...]]]:
    """Return (ts_us, value or text, quality, flags, status) by time for each point, at most ``limit`` of each."""
    parameters = {"points": list(point_ids), "limit": limit, **_span(from_us, to_us)}
    return _by_first(fetch(_TEXT if is_text else _RAW, parameters))


def read_raw_page(
    point_id: int, from_us: int, to_us: int, *, limit: int, is_text: bool = False
) -> list[tuple[Any, ...]]:
    """Return the same of one point."""
    return read_raw([point_id], from_us, to_us, limit=limit, is_text=is_text).get(point_id, [])


def slice_width_us(from_us: int, to_us: int, pairs: int) -> int:
    """Return the width of at most ``pairs`` equal slices of a range, at least a microsecond."""
    return max(1, -(-(to_us - from_us) // pairs))


def read_pairs(
    point_ids: Sequence[int], from_us: int, to_us: int, *, pairs: int
) -> dict[int, list[tuple[Any, ...]]]:
    """Return (slice_us, low, low_us, high, high_us, worst quality) by point, for at most ``pairs`` equal slices.

    For any number of samples: of few it takes twice as long as their columns (``series.pair_up``).
    """
    width = slice_width_us(from_us, to_us, pairs)
    return _by_first(fetch(_PAIRS, {"points": list(point_ids), "width": width, **_span(from_us, to_us)}))


def _by_first(rows: list[tuple[Any, ...]]) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = {}
    for first, *rest in rows:
        found.setdefault(first, []).append(tuple(rest))
    return found


def read_latest(point_ids: Sequence[int]) -> list[tuple[Any, ...]]:
    """Return (point_id, ts_us, value, quality, flags, status, text) of the points that have a value."""
    return fetch(_LATEST, {"points": list(point_ids)})


def read_last_before(point_ids: Sequence[int], before_us: int) -> list[tuple[Any, ...]]:
    """Return (point_id, ts_us, value, quality, flags) of each point's last sample before an instant."""
    return fetch(_LAST_BEFORE, {"points": list(point_ids), "before": from_us(before_us)})


def read_news(point_ids: NDArray[np.int32], after_us: NDArray[np.int64], *, limit: int) -> Columns:
    """Return the columns (point_id, ts_us, value, quality) of what each point has said after its own time.

    **Shape** by point and time, at most ``limit`` rows a point, its oldest.
    """
    parameters = {"points": _literal(point_ids), "after": _literal(after_us), "limit": limit}
    [sent] = fetch(_NEWS, parameters)
    return _to_columns(sent)


def read_columns(point_ids: Sequence[int], from_us: int, to_us: int) -> Columns:
    """Return the columns (point_id, ts_us, value, quality) of every sample in ``[from, to)``, by point and time."""
    return _fetch_columns(point_ids, from_us, to_us, limit=None)


def read_few_columns(point_ids: Sequence[int], from_us: int, to_us: int, *, most: int) -> Columns | None:
    """Return the same; None where there are more than ``most``."""
    columns = _fetch_columns(point_ids, from_us, to_us, limit=most + 1)
    return columns if len(columns[0]) <= most else None


def _fetch_columns(point_ids: Sequence[int], from_us: int, to_us: int, *, limit: int | None) -> Columns:
    [sent] = fetch(_COLUMNS, {"points": list(point_ids), "limit": limit, **_span(from_us, to_us)})
    point_id, ts_us, value, quality = _to_columns(sent)
    return point_id, ts_us + PG_EPOCH_US, value, quality


def _to_columns(sent: tuple[bytes | None, ...]) -> Columns:
    """Return the four columns in this machine's byte order, by point and time."""
    columns = [
        np.frombuffer(octets or b"", kind).astype(kind.newbyteorder("="))
        for octets, kind in zip(sent, _NEWS_DTYPES, strict=True)
    ]
    order = np.lexsort((columns[1], columns[0]))
    point_id, ts_us, value, quality = (column[order] for column in columns)
    return point_id, ts_us, value, quality


def _literal(column: NDArray[Any]) -> str:
    """Ten thousand numbers as one word: as a list each would be an object to adapt."""
    return "{" + ",".join(map(str, column.tolist())) + "}"


def read_rollup(
    resolution: Resolution, point_ids: Sequence[int], from_us: int, to_us: int, *, limit: int
) -> NDArray[Any]:
    """Return the roll-up rows (dtype ROW) of buckets that begin in ``[from, to)``, by point and bucket."""
    statement = _ROLLUP.format(resolution=resolution.value, columns=_SENT)
    [sent] = fetch(statement, {"points": list(point_ids), "limit": limit, **_span(from_us, to_us)})
    if sent[0] is None:
        return np.zeros(0, ROW)
    columns = [
        np.frombuffer(octets, ROW[name].newbyteorder(">")) for name, octets in zip(COLUMNS, sent, strict=True)
    ]
    rows = np.zeros(len(columns[0]), ROW)
    for name, column in zip(COLUMNS, columns, strict=True):
        rows[name] = column
    return rows


def compute_rollup(tasks: Tasks) -> NDArray[Any]:
    """Compute buckets from the samples now, by the reference statement; empty ones are left out."""
    parameters = {
        "points": tasks.point_id.tolist(), "starts": [from_us(us) for us in tasks.start_us.tolist()],
        "ends": [from_us(us) for us in tasks.end_us.tolist()], "holds": tasks.hold_us.tolist(),
        "counters": tasks.is_counter.tolist(),
    }  # fmt: skip
    statement = f"""
        SELECT point_id, (date_part('epoch', bucket) * 1e6)::bigint, {", ".join(COLUMNS[2:])}
        FROM ({READ_REFERENCE}) r ORDER BY 1, 2
    """
    return _rows(fetch(statement, parameters))


def _rows(fetched: list[tuple[Any, ...]]) -> NDArray[Any]:
    rows = np.zeros(len(fetched), ROW)
    for name, column in zip(COLUMNS, zip(*fetched, strict=True), strict=False):
        rows[name] = np.array(column, ROW[name])
    return rows


def read_newest() -> datetime | None:
    """Return the time of the newest sample that may be seen."""
    found: datetime | None = fetch(_NEWEST, {})[0][0]
    return found


def read_end() -> CommitPosition:
    """Return the position of the tenant's newest commit that a follower may read; the beginning where none is."""
    rows = fetch(_END, {})
    return CommitPosition(*rows[0]) if rows else CommitPosition(0, 0)


def read_earliest(after: CommitPosition) -> int | None:
    """Return the earliest time (µs) in what was committed after a position; None where nothing was."""
    found: int | None = fetch(_EARLIEST, {"xid": after.xid, "seq": after.seq})[0][0]
    return found


def sum_commits(after: CommitPosition) -> list[tuple[Any, ...]]:
    """Return (hour, samples, the last commit's xid, its seq) of the tenant's commits after a position."""
    return fetch(_STORED, {"xid": after.xid, "seq": after.seq})


def count_active_devices(since: datetime) -> int:
    """Return of how many devices the newest sample is at or after an instant."""
    return int(fetch(_ACTIVE, {"since": since})[0][0])


def read_commits(after: CommitPosition, *, limit: int) -> list[tuple[Any, ...]]:
    """Return the tenant's commits after a position, in an order that no later commit can slip into."""
    return fetch(_COMMITS, {"xid": after.xid, "seq": after.seq, "limit": limit})
