"""Reads a table that somebody sent: CSV in the encodings of the world's Excels, or XLSX. Bounded before it is opened.

Not here: what the columns mean. A file that cannot be read at all is an error; a cell that cannot is a fault.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from django.utils.translation import gettext as _
from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from forgeline.base.errors import InvalidInputError

MB = 1 << 20
MOST_BYTES = 10 * MB
MOST_UNPACKED = 100 * MB
MOST_PARTS = 1000
MOST_ROWS = 10_000
MOST_COLUMNS = 60
MOST_CHARACTERS = 4000
MOST_BLANK = 1000
"""Blank rows in a row, after which a sheet is taken to have ended: Excel remembers rows that were cleared."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the sheet, by its number as the table program shows it."""

    number: int
    cells: list[str]
    formulas: frozenset[int] = frozenset()
    """Columns in which a formula stands."""


@dataclass(slots=True)
class Table:
    """The first sheet with anything in it."""

    sheet: str
    heading: Row
    rows: list[Row] = field(default_factory=list)


def cell_name(column: int, row: int) -> str:
    """Return ``C7`` for column 2 (from 0) of row 7."""
    return f"{get_column_letter(column + 1)}{row}"


def read_table(path: Path, name: str) -> Table:
    """Return the table of a file. **Raises** InvalidInputError with what helps, and nothing else."""
    size = path.stat().st_size if path.exists() else 0
    if not size:
        raise _unreadable(_("The file is empty."))
    if size > MOST_BYTES:
        raise _unreadable(
            _("The file is larger than %(most)d MB; send it in parts.") % {"most": MOST_BYTES // MB}
        )
    with path.open("rb") as source:
        head = source.read(8)
    if head.startswith(b"PK"):
        return _read_xlsx(path)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise _unreadable(
            _("This is an old or a locked Excel file; save it as .xlsx without a password, or as CSV.")
        )
    if name.lower().endswith((".xlsx", ".xlsm")):
        raise _unreadable(_("This is no XLSX file; save it anew as .xlsx or CSV."))
    return _read_csv(path)


def decode(raw: bytes) -> str:
    """Return text in UTF-8, UTF-16 with its mark, or GB 18030, which holds GBK. **Raises** InvalidInputError."""
    marked = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            found = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in found:
            return found
    raise _unreadable(
        _("The file is no text in UTF-8 or GBK; save it from the table program as CSV UTF-8 or XLSX.")
    )


def _read_csv(path: Path) -> Table:
    text = decode(path.read_bytes())
    lines = text.splitlines()
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    if first.startswith("sep="):
        raise _unreadable(_("Remove the line that begins with sep=."))
    delimiter = max(",;\t", key=first.count)
    csv.field_size_limit(1 << 20)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)

    def rows() -> Iterator[Row]:
        while True:
            # The number of the line on which a row begins is how a person finds it.
            number = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                sentence = _("Line %(line)d cannot be read as CSV (%(why)s); look at its quotation marks.")
                raise _unreadable(sentence % {"line": number, "why": error}) from None
            yield _row(number, [cell.strip() for cell in cells])

    return _collect("CSV", rows())


def _row(number: int, cells: list[str]) -> Row:
    """Our own exports put an apostrophe before what a table program would take for a formula; it goes again."""
    formulas = frozenset(at for at, cell in enumerate(cells) if cell.startswith(("=", "@")))
    plain = [cell[1:] if cell[:1] == "'" and cell[1:2] in {"=", "+", "-", "@"} else cell for cell in cells]
    return Row(number, plain, formulas)


def _read_xlsx(path: Path) -> Table:
    try:
        with zipfile.ZipFile(path) as packed:
            parts = packed.infolist()
            unpacked = sum(part.file_size for part in parts)
            if len(parts) > MOST_PARTS or unpacked > MOST_UNPACKED:
                raise _unreadable(
                    _("The workbook unpacks to more than %(most)d MB.") % {"most": MOST_UNPACKED // MB}
                )
            if any(part.flag_bits & 1 for part in parts):
                raise _unreadable(_("The workbook is locked with a password; save it without one."))
        # By its bytes: the name under which it is kept says nothing.
        book = load_workbook(io.BytesIO(path.read_bytes()), read_only=True, data_only=False, keep_links=False)
    except InvalidInputError:
        raise
    except (
        zipfile.BadZipFile,
        InvalidFileException,
        KeyError,
        ValueError,
        OSError,
        ParseError,
        EOFError,
    ) as error:
        raise _unreadable(_("This is no XLSX file that can be read; save it anew.")) from error
    try:
        for sheet in book.worksheets:
            if hasattr(sheet, "reset_dimensions"):
                # What a file says of its own size is not to be trusted.
                sheet.reset_dimensions()
            table = _collect(sheet.title, _xlsx_rows(sheet), is_needed=False)
            if table is not None:
                return table
    except InvalidInputError:
        raise
    except (
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        TypeError,
        OverflowError,
        ParseError,
        EOFError,
    ) as error:
        raise _unreadable(_("This is no XLSX file that can be read; save it anew.")) from error
    finally:
        book.close()
    raise _unreadable(_("The workbook has no sheet with anything in it."))


def _xlsx_rows(sheet: Any) -> Iterator[Row]:
    blank = 0
    for number, cells in enumerate(sheet.iter_rows(), 1):
        if all(cell.value is None for cell in cells):
            blank += 1
            if blank > MOST_BLANK:
                return
            continue
        blank = 0
        formulas = frozenset(at for at, cell in enumerate(cells) if cell.data_type == "f")
        yield Row(number, [_words(cell.value) for cell in cells], formulas)


def _words(value: Any) -> str:
    """A cell as a person sees it: a whole number without its fraction, yes and no as words."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return str(value).strip()


def _collect(sheet: str, rows: Iterator[Row], *, is_needed: bool = True) -> Any:
    table: Table | None = None
    for row in rows:
        if not any(row.cells) or row.cells[0].startswith("#"):
            continue
        while row.cells and not row.cells[-1]:
            row.cells.pop()
        if len(row.cells) > MOST_COLUMNS:
            raise _unreadable(_("A table may have %(most)d columns.") % {"most": MOST_COLUMNS})
        if any(len(cell) > MOST_CHARACTERS for cell in row.cells):
            raise _unreadable(
                _("A cell of line %(line)d has more than %(most)d characters.")
                % {"line": row.number, "most": MOST_CHARACTERS}
            )
        if table is None:
            table = Table(sheet, row)
        elif len(table.rows) >= MOST_ROWS:
            raise _unreadable(_("A table may have %(most)d rows; send it in parts.") % {"most": MOST_ROWS})
        else:
            table.rows.append(row)
    if table is None and is_needed:
        raise _unreadable(_("The file is empty."))
    return table


def _unreadable(sentence: str) -> InvalidInputError:
    return InvalidInputError(sentence, key="transfer.unreadable")
