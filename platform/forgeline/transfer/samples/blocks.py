"""Cuts a file of samples into blocks that fit in memory, each with the place from which to go on. CSV or Parquet.

Not here: what the columns mean (rows).
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from forgeline.base.errors import InvalidInputError

MB = 1 << 20
MOST_BYTES = 2048 * MB
MOST_ROWS = 10_000_000
MOST_COLUMNS = 501
MOST_GROUP = 1024 * MB
"""Bytes of a row group of Parquet once it is unpacked."""
BLOCK = 2 * MB
ROWS = 50_000
_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows as Arrow columns. ``number`` is that of each row in the file, ``after`` where the next block begins.

    ``broken`` are the numbers and words of rows that have more or fewer cells than there are headings.
    """

    columns: dict[str, Any]
    number: NDArray[np.int64]
    broken: list[tuple[int, str]]
    after: dict[str, int]
    share: float


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and how it is read."""

    path: Path
    is_parquet: bool
    names: list[str]
    encoding: str = "utf8"
    delimiter: str = ","
    begins_at: int = 0
    """Byte after the heading."""


def open_source(path: Path) -> Source:
    """Return how a file is to be read. **Raises** InvalidInputError for one that is neither CSV nor Parquet."""
    size = path.stat().st_size if path.exists() else 0
    if not size:
        raise _unreadable(_("The file is empty."))
    if size > MOST_BYTES:
        raise _unreadable(
            _("The file is larger than %(most)d MB; send it in parts.") % {"most": MOST_BYTES // MB}
        )
    with path.open("rb") as source:
        head = source.read(_HEAD)
    if head.startswith(b"PAR1"):
        return _open_parquet(path)
    if head.startswith((b"PK", b"\xd0\xcf\x11\xe0", b"\x1f\x8b")):
        raise _unreadable(_("Samples are taken as CSV or Parquet; save the file as one of them, not packed."))
    return _open_csv(path, head)


def _open_parquet(path: Path) -> Source:
    try:
        with pq.ParquetFile(path) as file:
            meta = file.metadata
            groups = [meta.row_group(number) for number in range(meta.num_row_groups)]
            if meta.num_rows > MOST_ROWS:
                raise _unreadable(_too_many())
            if any(group.total_byte_size > MOST_GROUP for group in groups):
                raise _unreadable(
                    _("A row group unpacks to more than %(most)d MB.") % {"most": MOST_GROUP // MB}
                )
            names = list(file.schema_arrow.names)
    except InvalidInputError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(_("This is no Parquet file that can be read; write it anew.")) from error
    return Source(path, True, _check_names(names))


def _open_csv(path: Path, head: bytes) -> Source:
    start = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    line, newline, _rest = head[start:].partition(b"\n")
    if not newline or b"\x00" in head:
        raise _unreadable(_("This is no CSV: it has no heading, or is no text in UTF-8 or GBK."))
    encoding = "utf8"
    try:
        # What the end of the piece cuts through is not the file's fault.
        codecs.getincrementaldecoder("utf-8")().decode(head[start:])
    except UnicodeDecodeError:
        encoding = "gb18030"
    try:
        words = line.decode("gb18030" if encoding == "gb18030" else "utf-8").strip()
    except UnicodeDecodeError:
        raise _unreadable(_("This is no CSV: it has no heading, or is no text in UTF-8 or GBK.")) from None
    delimiter = max(",;\t", key=words.count)
    names = [name.strip().strip('"').strip() for name in words.split(delimiter)]
    return Source(path, False, _check_names(names), encoding, delimiter, start + len(line) + 1)


def _check_names(names: list[str]) -> list[str]:
    if len(names) > MOST_COLUMNS:
        raise _unreadable(_("A file may have %(most)d columns.") % {"most": MOST_COLUMNS})
    if len(set(names)) != len(names) or not all(names):
        raise _unreadable(_("Each column needs a heading of its own."))
    return names


def count_rows(source: Source) -> int:
    """Return how many rows there are. **Raises** InvalidInputError beyond ten million."""
    if source.is_parquet:
        with pq.ParquetFile(source.path) as file:
            return int(file.metadata.num_rows)
    rows = 0
    with source.path.open("rb") as raw:
        raw.seek(source.begins_at)
        last = b"\n"
        while piece := raw.read(4 * MB):
            rows += piece.count(b"\n")
            last = piece[-1:]
    rows += last != b"\n"
    if rows > MOST_ROWS:
        raise _unreadable(_too_many())
    return rows


def read_blocks(source: Source, after: dict[str, int]) -> Iterator[Block]:
    """Yield the blocks from a place on ({}: the beginning). **Raises** InvalidInputError where the file breaks off."""
    try:
        yield from _parquet_blocks(source, after) if source.is_parquet else _csv_blocks(source, after)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        sentence = _("The file cannot be read further (%(why)s); write it anew. What came before is stored.")
        raise _unreadable(sentence % {"why": str(error).splitlines()[0][:200]}) from error


def _csv_blocks(source: Source, after: dict[str, int]) -> Iterator[Block]:
    size = source.path.stat().st_size
    at, row = after.get("at", source.begins_at), after.get("row", 0)
    read = arrow_csv.ReadOptions(
        column_names=source.names, encoding=source.encoding, use_threads=False, block_size=2 * BLOCK
    )
    broken: list[tuple[int, str]] = []

    def skip(row: Any) -> str:
        broken.append((int(row.number or 1) - 1, str(row.text)))
        return "skip"

    parse = arrow_csv.ParseOptions(
        delimiter=source.delimiter, invalid_row_handler=skip, ignore_empty_lines=False
    )
    convert = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(source.names, pa.string()),
        strings_can_be_null=False,
        quoted_strings_can_be_null=False,
    )
    with source.path.open("rb") as raw:
        raw.seek(at)
        while piece := raw.read(BLOCK):
            # Up to the end of a line: a value may hold no line break.
            piece += raw.readline(BLOCK)
            at += len(piece)
            broken.clear()
            table = arrow_csv.read_csv(io.BytesIO(piece), read, parse, convert).combine_chunks()
            columns = {name: _flat(table.column(name)) for name in source.names}
            # Blank lines are left out, and counted as a person counts them.
            first, row = row, row + piece.count(b"\n") + (not piece.endswith(b"\n"))
            number = np.arange(first, first + table.num_rows + len(broken), dtype=np.int64)
            number = np.delete(number, [min(at_row, len(number) - 1) for at_row, _text in broken])
            found = [(first + at_row, text) for at_row, text in broken if text.strip()]
            yield Block(columns, number[: table.num_rows], found, {"at": at, "row": row}, at / size)


def _parquet_blocks(source: Source, after: dict[str, int]) -> Iterator[Block]:
    group, done, row = after.get("group", 0), after.get("done", 0), after.get("row", 0)
    with pq.ParquetFile(source.path, pre_buffer=False) as file:
        total = max(1, file.metadata.num_rows)
        for place in range(group, file.num_row_groups):
            for part, batch in enumerate(
                file.iter_batches(batch_size=ROWS, row_groups=[place], use_threads=False)
            ):
                if place == group and part < done:
                    continue
                first, row = row, row + batch.num_rows
                columns = {name: _flat(batch.column(name)) for name in source.names}
                number = np.arange(first, row, dtype=np.int64)
                yield Block(columns, number, [], {"group": place, "done": part + 1, "row": row}, row / total)
            done = 0


def _flat(column: Any) -> Any:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _too_many() -> str:
    return _("A file may have %(most)d million rows; send it in parts.") % {"most": MOST_ROWS // 1_000_000}


def _unreadable(sentence: str) -> InvalidInputError:
    return InvalidInputError(sentence, key="transfer.unreadable")
