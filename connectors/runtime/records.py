"""A batch as bytes for the spool, and back. Pure. Not here: files, lengths, checksums (spool)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from forgeline.telemetry.sample import SampleBatch

_COLUMNS = (
    ("point_id", "<i4"), ("ts_us", "<i8"), ("value", "<f8"), ("quality", "<i2"), ("status", "<i8"), ("flags", "<i2"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A batch, and of each row the connection it came by (0: unknown), for the counters after a restart."""

    samples: SampleBatch
    connection_id: NDArray[np.int64]


class _Wire(msgspec.Struct, array_like=True):
    columns: list[bytes]
    connection_id: bytes
    text: list[str | None] | None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Wire).decode


def encode_record(record: Record) -> bytes:
    """Return the record as bytes. A text that is no UTF-8 (a lone surrogate) goes as null: the store refuses both."""
    samples = record.samples
    columns = [np.ascontiguousarray(getattr(samples, name), dtype).tobytes() for name, dtype in _COLUMNS]
    text = None if samples.text is None else [_storable(each) for each in samples.text.tolist()]
    return _encode(_Wire(columns, np.asarray(record.connection_id, "<i8").tobytes(), text))


def decode_record(payload: bytes) -> Record:
    """Return the record. **Raises** ValueError for bytes that are none."""
    try:
        wire = _decode(payload)
    except msgspec.MsgspecError as error:
        raise ValueError("not a record") from error
    columns = {
        name: np.frombuffer(data, dtype) for (name, dtype), data in zip(_COLUMNS, wire.columns, strict=True)
    }
    text: NDArray[np.object_] | None = None
    if wire.text is not None:
        text = np.empty(len(wire.text), np.object_)
        text[:] = wire.text
    return Record(SampleBatch(**columns, text=text), np.frombuffer(wire.connection_id, "<i8"))


def join_records(records: Sequence[Record]) -> Record:
    """Return the records as one, in order."""
    if len(records) == 1:
        return records[0]
    return Record(
        SampleBatch.concatenate([record.samples for record in records]),
        np.concatenate([record.connection_id for record in records]),
    )


def _storable(text: str | None) -> str | None:
    if text is None or text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text):
        return text
    return None
