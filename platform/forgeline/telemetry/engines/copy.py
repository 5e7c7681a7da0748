"""PostgreSQL's binary COPY format from and to numpy columns. Pure: bytes in, bytes out; no connection here.

A structured big-endian array (``i2`` field count, then ``i4`` length and value for each field) is the format as it
is. Rows with a NULL are shorter, so a batch that has any goes through a byte mask.

**Source** PostgreSQL documentation, "COPY", section "Binary Format".
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
PG_EPOCH_US = 946_684_800_000_000
"""2000-01-01 in microseconds since 1970: timestamptz travels as microseconds since then."""

Columns = Mapping[str, NDArray[np.generic]]


def encode_rows(
    columns: Columns,
    *,
    timestamps: tuple[str, ...] = ("ts",),
    nulls: Mapping[str, NDArray[np.bool_]] | None = None,
) -> bytes:
    """Encode columns of fixed width as one COPY stream, header and trailer included.

    **Shape** equal lengths; int16, int32, int64, float64, bool; the columns' order is the statement's.
    **Time** columns named in ``timestamps`` are microseconds since 1970 and become timestamptz.
    **Gaps** ``nulls`` maps a column to a mask of its rows that are NULL.
    """
    size = len(next(iter(columns.values())))
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for name, column in columns.items():
        layout += [(f"{name}_length", ">i4"), (name, column.dtype.newbyteorder(">").str)]
    dtype = np.dtype(layout)
    rows = np.empty(size, dtype)
    rows["fields"] = len(columns)
    for name, column in columns.items():
        rows[f"{name}_length"] = column.dtype.itemsize
        rows[name] = column - PG_EPOCH_US if name in timestamps else column
    masks = {name: mask for name, mask in (nulls or {}).items() if mask.any()}
    if not masks:
        return b"".join((HEADER, rows.data, TRAILER))
    offsets = {name: field[1] for name, field in (dtype.fields or {}).items()}
    keep = np.ones((size, dtype.itemsize), np.bool_)
    for name, mask in masks.items():
        rows[f"{name}_length"][mask] = -1
        keep[mask, offsets[name] : offsets[name] + columns[name].dtype.itemsize] = False
    octets = rows.view(np.uint8).reshape(size, dtype.itemsize)
    return b"".join((HEADER, octets[keep].tobytes(), TRAILER))


def decode_rows(
    stream: bytes | bytearray | memoryview,
    layout: Mapping[str, str],
    *,
    timestamps: tuple[str, ...] = ("ts",),
) -> dict[str, NDArray[np.generic]]:
    """Decode a COPY … TO STDOUT (FORMAT binary) whose fields are all present and of fixed width.

    ``layout`` maps a name to a native numpy type in the statement's order (``{"ts": "i8", "value": "f8"}``).
    **Gaps** NULL has no place here: the statement must COALESCE.
    **Raises** ValueError when the stream does not have the promised shape.
    """
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name, kind in layout.items():
        fields += [(f"{name}_length", ">i4"), (name, f">{kind}")]
    dtype = np.dtype(fields)
    body = memoryview(stream)[len(HEADER) : -len(TRAILER)]
    if len(body) % dtype.itemsize:
        raise ValueError("the COPY stream is not of the promised shape")
    rows = np.frombuffer(body, dtype)
    if len(rows) and not (rows["fields"] == len(layout)).all():
        raise ValueError("the COPY stream is not of the promised shape")
    out: dict[str, NDArray[np.generic]] = {}
    for name, kind in layout.items():
        column = rows[name].astype(kind)
        out[name] = column + PG_EPOCH_US if name in timestamps else column
    return out
