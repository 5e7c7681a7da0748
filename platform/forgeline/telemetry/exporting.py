"""Raw samples as Parquet and CSV, page by page, so that memory does not grow with the time asked for.

Each page is read in a scope of its own: what is streamed outlives its request. Columns are those of ``SCHEMA``, the
same in both forms but for ``text``, which CSV puts into ``value``.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from django.utils.translation import gettext_lazy

from forgeline.assets.models import Point
from forgeline.telemetry import queries
from forgeline.tenancy.scoping import tenant_scope

PAGE = 20_000
GROUP = 100_000
"""Rows of a row group: what is in memory at once."""
Scope = Callable[[], AbstractContextManager[None]]

SCHEMA = pa.schema(
    [
        pa.field("time_utc", pa.timestamp("us", tz="UTC")),
        pa.field("point_id", pa.int32()),
        pa.field("machine", pa.dictionary(pa.int32(), pa.string())),
        pa.field("point", pa.dictionary(pa.int32(), pa.string())),
        pa.field("unit", pa.dictionary(pa.int32(), pa.string())),
        pa.field("value", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("quality", pa.int8()),
        pa.field("flags", pa.int16()),
    ]
)
MEANINGS = {
    "time_utc": gettext_lazy("When the value was taken, UTC, to the microsecond."),
    "point_id": gettext_lazy("Number of the point."),
    "machine": gettext_lazy("Name of the machine."),
    "point": gettext_lazy("Key of the point."),
    "unit": gettext_lazy("Unit by UCUM; empty where there is none."),
    "value": gettext_lazy("The number; empty where there is none. In CSV the text of points of kind text."),
    "text": gettext_lazy("The text of points of kind text (Parquet)."),
    "quality": gettext_lazy("0 good, 1 uncertain, 2 bad."),
    "flags": gettext_lazy(
        "Bits: 1 time of arrival, 2 held (an unchanged value told again), 4 came late or was imported."
    ),
}


@dataclass(frozen=True, slots=True)
class PointWords:
    """What a file says of a point beside its values."""

    point_id: int
    machine: str
    key: str
    unit: str


def words_of(points: Sequence[Point]) -> list[PointWords]:
    """Return what files say of points; their machines are read already."""
    return [PointWords(point.pk, point.asset.name, point.key, point.unit) for point in points]


def in_tenant(tenant_id: int) -> Scope:
    """Return the scope in which each page is read."""
    return lambda: tenant_scope(tenant_id)


def iterate_groups(scope: Scope, point: PointWords, from_us: int, to_us: int) -> Iterator[pa.Table]:
    """Yield the raw samples of a point in ``[from, to)`` as tables of at most GROUP rows."""
    waiting: list[tuple[Any, ...]] = []
    start = from_us
    while start < to_us:
        with scope():
            rows = next(queries.iterate_raw(point.point_id, start, to_us, page=PAGE), [])
        waiting += rows
        if len(waiting) >= GROUP:
            yield _table(point, waiting)
            waiting = []
        if len(rows) < PAGE:
            break
        start = int(rows[-1][0]) + 1
    if waiting:
        yield _table(point, waiting)


def stream_parquet(scope: Scope, points: Sequence[PointWords], from_us: int, to_us: int) -> Iterator[bytes]:
    """Yield a Parquet file in pieces, a row group each; the foot comes last."""
    sink = _Sink()
    with pq.ParquetWriter(sink, SCHEMA, compression="zstd") as writer:
        for point in points:
            for table in iterate_groups(scope, point, from_us, to_us):
                writer.write_table(table, row_group_size=GROUP)
                yield sink.take()
    yield sink.take()


def _table(point: PointWords, rows: list[tuple[Any, ...]]) -> pa.Table:
    size = len(rows)
    ts_us, values, qualities, flags = ([row[at] for row in rows] for at in range(4))
    is_text = any(isinstance(value, str) for value in values)
    same = pa.array([0] * size, pa.int32())
    columns = [
        pa.array(ts_us, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        pa.array([point.point_id] * size, pa.int32()),
        *(
            pa.DictionaryArray.from_arrays(same, pa.array([word]))
            for word in (point.machine, point.key, point.unit)
        ),
        pa.nulls(size, pa.float64()) if is_text else pa.array(values, pa.float64()),
        pa.array(values, pa.string()) if is_text else pa.nulls(size, pa.string()),
        pa.array(qualities, pa.int8()),
        pa.array(flags, pa.int16()),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


class _Sink(io.RawIOBase):
    """Takes what the writer says and hands it on; nothing is kept but how much there was."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        octets = bytes(piece)
        self._pieces.append(octets)
        self._size += len(octets)
        return len(octets)

    def tell(self) -> int:
        return self._size

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
