"""The spool: batches on disk while the store is away, replayed in their order. Not here: when (writer).

Segments are append-only files of records: length, CRC-32, payload. A record is on disk (fsync) before its source is
acknowledged. A torn last record, from a crash while it was written, was never acknowledged and is cut off. Segments go
when all of their records are replayed; after a crash some are replayed again, which changes nothing in the store.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from connectors.runtime.records import Record, decode_record, encode_record, join_records

SEGMENT_BYTES = 32 * 1024 * 1024
_HEAD = struct.Struct(">II")
_SUFFIX = ".spool"


class SpoolFullError(Exception):
    """The spool holds as much as it may, or the disk takes nothing: the source must wait."""


@dataclass(slots=True)
class _Position:
    """Where the next record to replay begins."""

    segment: int
    offset: int


class Spool:
    """One folder of segments, owned by one process (flock). Used by the writer thread only."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        """**Raises** BlockingIOError when another process owns the folder."""
        self.folder = folder
        self.limit_bytes = limit_bytes
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / "lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise
        self.damaged_bytes = 0
        """What could not be read back: a torn end, or a disk's fault in the midst."""
        self._file: IO[bytes] | None = None
        segments = self._segments()
        self.bytes = sum(path.stat().st_size for path in segments)
        self._next_segment = self._number(segments[-1]) + 1 if segments else 1
        self._position = self._read_position(segments)
        self._reader: IO[bytes] | None = None
        self._peeked_end = 0
        self._damage_seen: set[int] = set()

    # --- writing ---

    def append(self, record: Record) -> None:
        """Put a record behind the others, on disk when this returns. **Raises** SpoolFullError."""
        payload = encode_record(record)
        data = _HEAD.pack(len(payload), zlib.crc32(payload)) + payload
        if self.bytes + len(data) > self.limit_bytes:
            raise SpoolFullError(f"the spool holds its {self.limit_bytes} bytes")
        try:
            file = self._open_for_append(len(data))
            end = file.tell()
            try:
                if file.write(data) != len(data):
                    raise OSError(errno.ENOSPC, "the disk took half a record")
                os.fsync(file.fileno())
            except OSError:
                self._take_back(file, end)
                raise
        except OSError as error:
            # Full, read-only or broken: none of them may end the writer, all of them are for a person to mend.
            raise SpoolFullError(f"the disk takes nothing: {error.strerror}") from error
        self.bytes += len(data)

    def _take_back(self, file: IO[bytes], end: int) -> None:
        """Cut off half a record, which must not stand before the next one; leave the file where the disk refuses."""
        try:
            file.truncate(end)
            file.seek(end)
        except OSError:
            self._file = None
            file.close()

    def _open_for_append(self, size: int) -> IO[bytes]:
        if self._file is not None and self._file.tell() + size > SEGMENT_BYTES:
            self._file.close()
            self._file = None
        if self._file is None:
            path = self.folder / f"{self._next_segment:012d}{_SUFFIX}"
            self._next_segment += 1
            # Unbuffered: what a write could not take must not come out later, behind our back.
            self._file = path.open("xb", buffering=0)
            descriptor = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return self._file

    # --- replaying ---

    @property
    def is_empty(self) -> bool:
        return self.bytes == 0

    def peek(self, *, rows: int = 1) -> Record | None:
        """Return the oldest records of a segment as one, at least one and about ``rows`` rows; None when there is
        nothing. ``drop`` takes them off once they are stored.
        """
        while True:
            path = self._current()
            if path is None:
                return None
            records: list[Record] = []
            end = self._position.offset
            while sum(len(record.samples) for record in records) < rows:
                found = self._read_at(path, end)
                if found is None:
                    break
                record, end = found
                records.append(record)
            if records:
                self._peeked_end = end
                return join_records(records)
            self._discard(path)

    def drop(self) -> None:
        """Take what ``peek`` returned off the spool."""
        self._position.offset = self._peeked_end
        path = self._current()
        assert path is not None
        if self._position.offset >= path.stat().st_size:
            self._discard(path)
            return
        # A full disk may not take the note; without it a new process replays the segment from its start.
        with contextlib.suppress(OSError):
            (self.folder / "position").write_text(f"{self._position.segment} {self._position.offset}")

    def _current(self) -> Path | None:
        segments = self._segments()
        if not segments:
            self.bytes = 0
            return None
        number = self._number(segments[0])
        if number != self._position.segment:
            self._position = _Position(number, 0)
            self._close_reader()
        return segments[0]

    def _read_at(self, path: Path, offset: int) -> tuple[Record, int] | None:
        """Return the record at ``offset`` and where the next one begins; None where nothing readable follows."""
        if self._reader is None:
            self._reader = path.open("rb")
        self._reader.seek(offset)
        head = self._reader.read(_HEAD.size)
        if not head:
            return None
        if len(head) == _HEAD.size:
            length, checksum = _HEAD.unpack(head)
            payload = self._reader.read(length) if length <= SEGMENT_BYTES * 2 else b""
            if len(payload) == length and zlib.crc32(payload) == checksum:
                with contextlib.suppress(ValueError):
                    return decode_record(payload), offset + _HEAD.size + length
        if offset not in self._damage_seen:
            self._damage_seen.add(offset)
            self.damaged_bytes += path.stat().st_size - offset
        return None

    def _discard(self, path: Path) -> None:
        """Remove a segment of which nothing is left to replay."""
        self._close_reader()
        self._damage_seen.clear()
        if self._file is not None and Path(self._file.name) == path:
            self._file.close()
            self._file = None
        self.bytes -= path.stat().st_size
        path.unlink()
        with contextlib.suppress(FileNotFoundError):
            (self.folder / "position").unlink()

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    # --- the folder ---

    def _segments(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{_SUFFIX}"))

    @staticmethod
    def _number(path: Path) -> int:
        return int(path.stem)

    def _read_position(self, segments: list[Path]) -> _Position:
        first = self._number(segments[0]) if segments else 0
        with contextlib.suppress(OSError, ValueError):
            segment, offset = map(int, (self.folder / "position").read_text().split())
            if segment == first and 0 <= offset <= segments[0].stat().st_size:
                return _Position(segment, offset)
        return _Position(first, 0)

    def close(self) -> None:
        """Let go of the folder; what is in it stays for the next owner."""
        self._close_reader()
        if self._file is not None:
            self._file.close()
            self._file = None
        self._lock.close()


def claim_spools(root: Path, *, limit_bytes: int) -> Iterator[Spool]:
    """Yield a spool of one's own, then those that dead processes left with something in them.

    The own one comes first and may be a dead process's too. All processes of a machine share ``root``.
    """
    root.mkdir(parents=True, exist_ok=True)
    has_own = False
    for number in range(1, 1000):
        folder = root / f"{number:03d}"
        if has_own and not folder.exists():
            return
        try:
            spool = Spool(folder, limit_bytes=limit_bytes)
        except BlockingIOError:
            continue
        if has_own and spool.is_empty:
            spool.close()
            continue
        has_own = True
        yield spool
