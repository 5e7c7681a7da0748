"""Writes a table as CSV or XLSX: an empty one to fill in, or what there is in the same shape. No cell is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.styles import Font

from forgeline.base.errors import InvalidInputError
from forgeline.base.spreadsheet import BOM, safe_cells
from forgeline.transfer.sheets.columns import Column
from forgeline.transfer.sheets.reading import XLSX

FORMS = {"csv": "text/csv; charset=utf-8", "xlsx": XLSX}


def check_form(word: str) -> str:
    """Return ``csv`` or ``xlsx``. **Raises** InvalidInputError."""
    if word not in FORMS:
        sentence = _("Ask for as=csv or as=xlsx.")
        raise InvalidInputError.at("as", sentence)
    return word


def write_table(form: str, columns: Sequence[Column], rows: Iterable[Sequence[Any]], *, title: str) -> bytes:
    """Return a table with headings in the language in force, as ``csv`` or ``xlsx``."""
    headings = [str(column.title) for column in columns]
    if form == "csv":
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow(headings)
        for row in rows:
            writer.writerow(safe_cells(row))
        return (BOM + buffer.getvalue()).encode()
    book = Workbook()
    sheet = book.active
    sheet.title = title[:30]
    _put(sheet, 1, headings, bold=True)
    for number, row in enumerate(rows, 2):
        _put(sheet, number, ["" if cell is None else cell for cell in row])
    sheet.freeze_panes = "A2"
    for at, heading in enumerate(headings, 1):
        sheet.column_dimensions[sheet.cell(1, at).column_letter].width = max(12, min(40, len(heading) * 2))
    _explain(book.create_sheet(_("Columns")[:30]), columns)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def example_row(columns: Sequence[Column]) -> list[str]:
    """Return a row that shows how a table is filled; its ``#`` has it skipped until somebody takes it away."""
    first, *others = [str(column.example) for column in columns]
    return [f"# {first}", *others]


def _explain(sheet: Any, columns: Sequence[Column]) -> None:
    _put(sheet, 1, [_("Column"), _("Needed"), _("What it takes"), _("Example")], bold=True)
    for number, column in enumerate(columns, 2):
        needed = _("yes") if column.is_needed else ""
        _put(sheet, number, [str(column.title), needed, str(column.help), str(column.example)])
    for letter, width in zip("ABCD", (24, 10, 80, 30), strict=True):
        sheet.column_dimensions[letter].width = width


def _put(sheet: Any, number: int, cells: Sequence[Any], *, bold: bool = False) -> None:
    for at, cell in enumerate(cells, 1):
        place = sheet.cell(number, at)
        if isinstance(cell, int | float) and not isinstance(cell, bool):
            place.value = cell
        else:
            # As text, whatever it begins with: a table program must not take it for a formula.
            place.value = _clean(str(cell))
            place.data_type = "s"
        if bold:
            place.font = Font(bold=True)


def _clean(word: str) -> str:
    return "".join(each for each in word if each >= " " or each in "\t\n")
