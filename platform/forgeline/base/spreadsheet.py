"""Cells of files that people open with a table program. Not here: what stands in a file."""

from __future__ import annotations

from collections.abc import Iterable

BOM = "\ufeff"
"""Excel takes UTF-8 for what it is only after this mark."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_cells(cells: Iterable[object]) -> list[str]:
    """Return cells as text of which none is taken for a formula; numbers stay numbers (OWASP, CSV injection)."""
    return [_safe("" if cell is None else str(cell)) for cell in cells]


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) and not _is_number(cell) else cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
