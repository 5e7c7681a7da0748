"""From the bytes of a PublishResponse, or of values read, to columns. Pure; the structure is OPC UA Part 6, 5.2.

Not here: who asked for it (subscription, polling, history), what an address is (nodes).

asyncua would make eight Python objects of each notification. At 30,000 changes a second that is most of a core, so a
run of notifications of the same shape (same mask, same type of fixed size) is read as one numpy array, and the rest
by a loop over the fields. What neither knows (arrays, structures) is handed to asyncua's own decoder.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import (
    Primitives,
    extensionobject_from_binary,
    struct_from_binary,
    variant_from_binary,
)

EPOCH_1601_US = 11_644_473_600_000_000
"""Microseconds from 1601, where OPC UA counts from, to 1970."""

# Numbers of the binary encodings (Part 6, annex A).
_READ_RESPONSE = 634
_HISTORY_READ_RESPONSE = 667
_PUBLISH_RESPONSE = 829
_REPUBLISH_RESPONSE = 835
_DATA_CHANGE = 811
_STATUS_CHANGE = 820

# Built-in types of fixed size (Part 6, table 1): numpy's name for them, struct's letter, size.
_SCALARS: dict[int, tuple[str, str, int]] = {
    1: ("?", "?", 1), 2: ("<i1", "b", 1), 3: ("<u1", "B", 1), 4: ("<i2", "h", 2), 5: ("<u2", "H", 2),
    6: ("<i4", "i", 4), 7: ("<u4", "I", 4), 8: ("<i8", "q", 8), 9: ("<u8", "Q", 8), 10: ("<f4", "f", 4),
    11: ("<f8", "d", 8),
}  # fmt: skip
_UNPACKERS = {kind: struct.Struct("<" + letter) for kind, (_, letter, _size) in _SCALARS.items()}
_STRING = 12
_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")
_I64 = struct.Struct("<q")
_SHORT_RUN = 64
"""Fewer alike than this are read by the loop; the array would cost more than it saves."""


@dataclass(slots=True)
class Columns:
    """Values as parallel lists.

    **Shape** all of one length. **Time** ``ts_us`` is the source's time, else the server's, else None; microseconds
    since the Unix epoch, UTC. ``status`` is the raw StatusCode, ``quality`` its severity (0 good, 1 uncertain, 2 bad).
    ``handles`` are the client handles of the monitored items; empty for values read.
    """

    handles: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    ts_us: list[int | None] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    has_status: bool = False

    def __len__(self) -> int:
        return len(self.values)

    @property
    def quality(self) -> list[int]:
        return [quality_of(code) for code in self.status]


@dataclass(slots=True)
class Publish:
    """One publish response."""

    subscription_id: int
    sequence: int
    more: bool
    columns: Columns
    status_change: int | None = None
    """A StatusCode with which the server ends or changes the subscription."""
    is_keep_alive: bool = False
    published_us: int | None = None
    """When the server sent it, by the server's clock."""


def quality_of(status: int) -> int:
    """Return 0 good, 1 uncertain, 2 bad: the severity bits of a StatusCode (Part 4, 7.39); reserved 3 is bad."""
    return min(status >> 30, 2)


def filetime_to_us(ticks: int) -> int | None:
    """Return microseconds since the Unix epoch; None for the times that mean "none" (Part 6, 5.2.2.5)."""
    if ticks <= 0 or ticks >= 0x7FFF_FFFF_FFFF_FFFF:
        return None
    return ticks // 10 - EPOCH_1601_US


def decode_publish(data: bytes) -> Publish:
    """Decode the body of a response to a PublishRequest.

    **Raises** ua.UaStatusCodeError where the server refuses, ua.UaError or struct.error where it is none.
    """
    buffer = _open_response(data, _PUBLISH_RESPONSE)
    subscription_id = Primitives.UInt32.unpack(buffer)
    for _ in range(max(0, Primitives.Int32.unpack(buffer))):
        buffer.skip(4)  # sequence numbers that could be republished
    more = bool(Primitives.Boolean.unpack(buffer))
    sequence = Primitives.UInt32.unpack(buffer)
    published_us = filetime_to_us(Primitives.Int64.unpack(buffer))
    count = Primitives.Int32.unpack(buffer)
    answer = Publish(
        subscription_id, sequence, more, Columns(), is_keep_alive=count <= 0, published_us=published_us
    )
    _decode_notifications(data, buffer, count, answer)
    return answer


def decode_republish(data: bytes) -> Columns:
    """Decode the body of a response to a RepublishRequest. **Raises** as ``decode_publish``."""
    buffer = _open_response(data, _REPUBLISH_RESPONSE)
    buffer.skip(12)  # sequence number, time of publication
    answer = Publish(0, 0, False, Columns())
    _decode_notifications(data, buffer, Primitives.Int32.unpack(buffer), answer)
    return answer.columns


def _decode_notifications(data: bytes, buffer: Buffer, count: int, answer: Publish) -> None:
    for _ in range(max(0, count)):
        start = buffer.copy()
        type_id = ua.ua_binary.nodeid_from_binary(buffer)
        encoding = buffer.read(1)[0]
        length = Primitives.Int32.unpack(buffer) if encoding & 1 else 0
        if type_id.Identifier == _DATA_CHANGE and type_id.NamespaceIndex == 0:
            end = buffer.cur_pos + length
            _decode_items(data, buffer.cur_pos, end, answer.columns)
        elif type_id.Identifier == _STATUS_CHANGE and type_id.NamespaceIndex == 0:
            answer.status_change = extensionobject_from_binary(start).Status.value
        if length > 0:
            buffer.skip(length)


def _decode_items(data: bytes, pos: int, end: int, columns: Columns) -> None:
    """Read an array of MonitoredItemNotification (Part 4, 7.25.2)."""
    left = _I32.unpack_from(data, pos)[0]
    pos += 4
    while left > 0:
        taken, pos = _decode_run(data, pos, end, left, columns)
        left -= taken
        for _ in range(min(left, _SHORT_RUN)):
            columns.handles.append(_U32.unpack_from(data, pos)[0])
            pos = _decode_value(data, pos + 4, columns)
            left -= 1


def _decode_run(data: bytes, pos: int, end: int, left: int, columns: Columns) -> tuple[int, int]:
    """Read as many notifications as share the shape of the next one; return how many, and where they end."""
    if left < _SHORT_RUN or pos + 6 > end:
        return 0, pos
    mask, kind = data[pos + 4], data[pos + 5]
    if not mask & 0x01 or mask & 0xC0 or kind not in _SCALARS:
        return 0, pos
    fields: list[tuple[str, str]] = [
        ("handle", "<u4"),
        ("mask", "u1"),
        ("kind", "u1"),
        ("value", _SCALARS[kind][0]),
    ]
    for bit, name, dtype in (
        (0x02, "status", "<u4"), (0x04, "source", "<i8"), (0x10, "source_ps", "<u2"),
        (0x08, "server", "<i8"), (0x20, "server_ps", "<u2"),
    ):  # fmt: skip
        if mask & bit:
            fields.append((name, dtype))
    dtype = np.dtype(fields)
    fit = min(left, (end - pos) // dtype.itemsize)
    rows = np.frombuffer(data, dtype, count=fit, offset=pos)
    unlike = np.flatnonzero((rows["mask"] != mask) | (rows["kind"] != kind))
    if len(unlike):
        rows = rows[: unlike[0]]
    if len(rows) < _SHORT_RUN:
        return 0, pos
    size = len(rows)
    columns.handles.extend(rows["handle"].tolist())
    columns.values.extend(rows["value"].tolist())
    time_column = "source" if mask & 0x04 else "server" if mask & 0x08 else None
    if time_column is None:
        columns.ts_us.extend([None] * size)
    else:
        ticks = rows[time_column]
        if ticks.min() > 0 and ticks.max() < 0x7FFF_FFFF_FFFF_FFFF:
            columns.ts_us.extend((ticks // 10 - EPOCH_1601_US).tolist())
        else:
            columns.ts_us.extend(filetime_to_us(each) for each in ticks.tolist())
    if mask & 0x02:
        columns.status.extend(rows["status"].tolist())
        columns.has_status = columns.has_status or bool(rows["status"].any())
    else:
        columns.status.extend([0] * size)
    return size, pos + size * dtype.itemsize


def _decode_value(data: bytes, pos: int, columns: Columns) -> int:
    """Read one DataValue (Part 6, 5.2.2.17) into the columns and return where it ends."""
    mask = data[pos]
    pos += 1
    value: Any = None
    if mask & 0x01:
        value, pos = _decode_variant(data, pos)
    status = 0
    if mask & 0x02:
        status = _U32.unpack_from(data, pos)[0]
        pos += 4
    source = server = None
    if mask & 0x04:
        source = filetime_to_us(_I64.unpack_from(data, pos)[0])
        pos += 8
    if mask & 0x10:
        pos += 2
    if mask & 0x08:
        server = filetime_to_us(_I64.unpack_from(data, pos)[0])
        pos += 8
    if mask & 0x20:
        pos += 2
    columns.values.append(value)
    columns.ts_us.append(source if source is not None else server)
    columns.status.append(status)
    columns.has_status = columns.has_status or status != 0
    return pos


def _decode_variant(data: bytes, pos: int) -> tuple[Any, int]:
    kind = data[pos]
    unpacker = _UNPACKERS.get(kind)
    if unpacker is not None:
        return unpacker.unpack_from(data, pos + 1)[0], pos + 1 + unpacker.size
    if kind == _STRING:
        length = _I32.unpack_from(data, pos + 1)[0]
        if length < 0:
            return None, pos + 5
        return data[pos + 5 : pos + 5 + length].decode("utf-8", errors="replace"), pos + 5 + length
    buffer = Buffer(data, pos)
    value = _plain(variant_from_binary(buffer).Value)
    return value, buffer.cur_pos


def _plain(value: Any) -> Any:
    """Return what a reading can carry: a number, boolean, string or None; other things as their text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, ua.LocalizedText):
        return value.Text
    if isinstance(value, ua.QualifiedName):
        return value.Name
    if isinstance(value, ua.StatusCode):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple) and len(value) == 1:
        return _plain(value[0])
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)[:2000]


def decode_read(data: bytes) -> Columns:
    """Decode the body of a response to a ReadRequest: one row for each node asked for, in order.

    **Raises** as ``decode_publish``.
    """
    buffer = _open_response(data, _READ_RESPONSE)
    columns = Columns()
    pos = buffer.cur_pos + 4
    for _ in range(max(0, Primitives.Int32.unpack(buffer))):
        pos = _decode_value(data, pos, columns)
    return columns


@dataclass(slots=True)
class HistoryPage:
    """What a server returned for one node: values in order of time, and where to go on (None at the end)."""

    status: int
    continuation: bytes | None
    columns: Columns


def decode_history(data: bytes) -> list[HistoryPage]:
    """Decode the body of a response to a HistoryReadRequest: one page for each node asked for, in order.

    **Raises** as ``decode_publish``.
    """
    buffer = _open_response(data, _HISTORY_READ_RESPONSE)
    pages = []
    for _ in range(max(0, Primitives.Int32.unpack(buffer))):
        status = Primitives.UInt32.unpack(buffer)
        continuation = Primitives.Bytes.unpack(buffer)
        ua.ua_binary.nodeid_from_binary(buffer)
        length = Primitives.Int32.unpack(buffer) if buffer.read(1)[0] & 1 else 0
        columns = Columns()
        if length >= 4:
            pos = buffer.cur_pos + 4
            for _ in range(max(0, _I32.unpack_from(data, buffer.cur_pos)[0])):
                pos = _decode_value(data, pos, columns)
        if length > 0:
            buffer.skip(length)
        pages.append(HistoryPage(status, continuation or None, columns))
    return pages


def _open_response(data: bytes, type_id: int) -> Buffer:
    """Return a buffer that stands behind the header of a response of this type."""
    buffer = Buffer(data)
    found = ua.ua_binary.nodeid_from_binary(buffer)
    if found.Identifier != type_id:
        raise ua.UaError(f"expected a response of type {type_id}, not {found}")
    header = struct_from_binary(ua.ResponseHeader, buffer)
    header.ServiceResult.check()
    return buffer
