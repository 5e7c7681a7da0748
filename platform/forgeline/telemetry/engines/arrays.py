"""Numpy columns as binary array parameters: PostgreSQL's array format is a structured big-endian array too.

**Source** PostgreSQL source, ``array_send``: dimensions, flags, element type, then length and value of each element.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection, adapt
from psycopg.abc import AdaptContext, DumperKey, PyFormat
from psycopg.pq import Format

from forgeline.telemetry.engines.copy import PG_EPOCH_US

_ELEMENTS: dict[str, tuple[int, int]] = {
    # numpy kind → (oid of the element, oid of its array)
    "i2": (21, 1005),
    "i4": (23, 1007),
    "i8": (20, 1016),
    "f8": (701, 1022),
    "ts": (1184, 1185),
}


class Array:
    """An array parameter, encoded when it is made."""

    __slots__ = ("kind", "octets")

    def __init__(
        self, column: NDArray[Any], *, kind: str | None = None, nulls: NDArray[np.bool_] | None = None
    ) -> None:
        """``kind`` ``ts`` makes timestamptz of microseconds since 1970; ``nulls`` masks the elements that are NULL."""
        self.kind = kind or f"{column.dtype.kind}{column.dtype.itemsize}"
        element, _ = _ELEMENTS[self.kind]
        values = column - PG_EPOCH_US if self.kind == "ts" else column
        has_nulls = nulls is not None and bool(nulls.any())
        rows = np.empty(len(values), [("length", ">i4"), ("value", values.dtype.newbyteorder(">").str)])
        rows["length"] = values.dtype.itemsize
        rows["value"] = values
        if has_nulls and nulls is not None:
            rows["length"][nulls] = -1
            keep = np.ones((len(values), rows.dtype.itemsize), np.bool_)
            keep[nulls, 4:] = False
            body = rows.view(np.uint8).reshape(len(values), rows.dtype.itemsize)[keep].tobytes()
        else:
            body = rows.tobytes()
        # An empty array has no dimension.
        head = struct.pack(">iii", 1 if len(values) else 0, int(has_nulls), element)
        self.octets = head + (struct.pack(">ii", len(values), 1) if len(values) else b"") + body


def timestamps(column: NDArray[np.int64]) -> Array:
    """Return microseconds since 1970 as a timestamptz array."""
    return Array(column, kind="ts")


class _ArrayDumper(adapt.Dumper):
    format = Format.BINARY

    def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)

    def get_key(self, obj: Array, format: PyFormat) -> DumperKey:
        return (self.cls, obj.kind)  # type: ignore[return-value]  # any hashable works, only types are named

    def upgrade(self, obj: Array, format: PyFormat) -> _ArrayDumper:
        dumper = _ArrayDumper(self.cls)
        dumper.oid = _ELEMENTS[obj.kind][1]
        return dumper

    def dump(self, obj: Array) -> bytes:
        return obj.octets


def register(connection: Connection[Any]) -> None:
    """Teach a connection to take Array parameters."""
    connection.adapters.register_dumper(Array, _ArrayDumper)
