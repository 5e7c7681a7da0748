"""What of an expression does not fit by its units: bar added to °C, kW compared with W. Pure.

A unit is followed through sums, comparisons, min, max and abs; products and roots make a unit that is not followed, so
that a number multiplied in by hand (``power_w * 0.001 < power_kw``) is the way to convert. Bare numbers fit anything.
Not here: what an expression may consist of (expressions).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from forgeline.base.units import UnitError, affine

Misfit = tuple[int, str, str]
"""(character from 1, unit, the unit that it meets)."""


def find_misfits(tree: ast.Expr, units: Mapping[str, str]) -> list[Misfit]:
    """Return what meets a unit that it does not fit; names without a unit in ``units`` fit anything."""
    found: list[Misfit] = []
    _follow(tree.value, units, found)
    return found


def _follow(node: ast.expr, units: Mapping[str, str], found: list[Misfit]) -> str:
    """Return the unit of a part; '' where it has none or it is not followed."""
    if isinstance(node, ast.Name):
        return units.get(node.id, "")
    if isinstance(node, ast.UnaryOp):
        unit = _follow(node.operand, units, found)
        return "" if isinstance(node.op, ast.Not) else unit
    if isinstance(node, ast.BinOp):
        parts = [_follow(part, units, found) for part in (node.left, node.right)]
        return _meet(parts, (node.left, node.right), found) if isinstance(node.op, ast.Add | ast.Sub) else ""
    if isinstance(node, ast.Compare):
        words = (node.left, *node.comparators)
        _meet([_follow(word, units, found) for word in words], words, found)
        return ""
    if isinstance(node, ast.BoolOp):
        for value in node.values:
            _follow(value, units, found)
        return ""
    if isinstance(node, ast.Call):
        parts = [_follow(word, units, found) for word in node.args]
        assert isinstance(node.func, ast.Name)
        return "" if node.func.id == "sqrt" else _meet(parts, node.args, found)
    return ""


def _meet(parts: Sequence[str], nodes: Sequence[ast.expr], found: list[Misfit]) -> str:
    """Return the one unit of parts that stand side by side, noting those that do not fit the first."""
    first = next((unit for unit in parts if unit), "")
    found += [
        (node.col_offset + 1, unit, first)
        for unit, node in zip(parts, nodes, strict=True)
        if unit and not _are_one(unit, first)
    ]
    return first


def _are_one(unit: str, other: str) -> bool:
    if unit == other:
        return True
    try:
        factor, offset = affine(unit, other)
    except UnitError:
        return False
    return abs(factor - 1.0) < 1e-12 and abs(offset) < 1e-12
