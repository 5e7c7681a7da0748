"""Expressions over several points: ``pressure > 6 and not (valve == 0)``. Parsed once, judged over columns.

The language is that part of Python's which simpleeval walks, cut down to arithmetic, comparison and logic: no
attribute, no index, no text, no loop, no power. It ends always, and in a time that its length bounds.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from simpleeval import SimpleEval

from forgeline.alarms.judging.misfits import find_misfits
from forgeline.base.errors import InvalidInputError
from forgeline.base.unit_words import display_unit

MAX_LENGTH = 500
MAX_NODES = 120
MAX_INPUTS = 10
_SHOWN = 16
"""So much of the text is shown where something is wrong."""

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: np.divide,
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: lambda word: 1.0 - _truth(word),
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    # name → (function, fewest and most arguments)
    "abs": (np.abs, 1, 1),
    "sqrt": (np.sqrt, 1, 1),
    "min": (lambda *words: np.minimum.reduce(np.broadcast_arrays(*words)), 2, MAX_INPUTS),
    "max": (lambda *words: np.maximum.reduce(np.broadcast_arrays(*words)), 2, MAX_INPUTS),
}
_CONTAINERS = (ast.Expr, ast.Load, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Call, ast.And, ast.Or)


class Expression:
    """A checked expression. **Raises** InvalidInputError with the place and the remedy."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self._tree = _parse(self.text)
        self.names: tuple[str, ...] = _check(self._tree, self.text)
        self._walker = _Walker()

    @property
    def is_condition(self) -> bool:
        """Whether it can be false: a bare sum, though judged as "not 0", would be an alarm that always stands."""
        return _is_condition(self._tree.value)

    @property
    def truths(self) -> frozenset[str]:
        """Names that stand where a yes or no is asked for; a measurement there would be "not 0"."""
        return frozenset(_find_truths(self._tree.value))

    def list_misfits(self, units: Mapping[str, str]) -> list[str]:
        """Return a sentence for each part whose unit does not fit what it is added to or compared with."""
        return [
            _(
                "At character %(at)d, “%(part)s”: %(unit)s does not fit %(other)s; multiply one of them to convert it."
            )
            % {
                "at": at,
                "part": _part(self.text, at - 1),
                "unit": display_unit(unit),
                "other": display_unit(other),
            }
            for place, unit, other in find_misfits(self._tree, units)
            for at in (_place(self.text, 1, place - 1) + 1,)
        ]

    def judge(self, values: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return 1 where the expression holds, 0 where it does not; ``values`` are columns of equal length.

        **Gaps** NaN wherever any input is NaN: an expression with an unknown in it says nothing. What divides by 0 or
        draws the root of less is unknown too, unless the rest decides: ``n > 0 and total / n > 5`` is 0 where n is 0.
        """
        columns = [values[name] for name in self.names]
        unknown = np.logical_or.reduce([np.isnan(column) for column in columns])
        self._walker.names = dict(zip(self.names, columns, strict=True))
        with np.errstate(all="ignore"):
            found = np.asarray(self._walker.eval(self.text, previously_parsed=self._tree))
            holds = np.broadcast_to(_truth(found), columns[0].shape)
        return np.where(unknown, np.nan, holds)


class _Walker(SimpleEval):
    """simpleeval over columns: its logic asks one truth value, here every row has its own."""

    def __init__(self) -> None:
        super().__init__(operators=_OPERATORS, functions={}, names={})
        self.nodes = {
            ast.Expr: self._eval_expr, ast.Name: self._eval_name, ast.Constant: self._eval_constant,
            ast.BinOp: self._eval_binop, ast.UnaryOp: self._eval_unaryop,
            ast.BoolOp: self._eval_logic, ast.Compare: self._eval_comparison, ast.Call: self._eval_function,
        }  # fmt: skip

    def _eval_logic(self, node: ast.BoolOp) -> Any:
        return _join(
            [_truth(self._eval(value)) for value in node.values], is_and=isinstance(node.op, ast.And)
        )

    def _eval_comparison(self, node: ast.Compare) -> Any:
        words = [self._eval(word) for word in (node.left, *node.comparators)]
        pairs = zip(node.ops, words, words[1:], strict=False)
        return _join(
            [
                np.where(np.isfinite(left) & np.isfinite(right), _OPERATORS[type(op)](left, right), np.nan)
                for op, left, right in pairs
            ],
            is_and=True,
        )

    def _eval_function(self, node: ast.Call) -> Any:
        assert isinstance(node.func, ast.Name)
        return _FUNCTIONS[node.func.id][0](*(self._eval(word) for word in node.args))


def _truth(word: Any) -> NDArray[np.float64]:
    """Return 1 for yes, 0 for no, NaN for what is no number."""
    number = np.asarray(word, np.float64)
    return np.where(np.isfinite(number), number != 0, np.nan)


def _join(words: Sequence[NDArray[np.float64]], *, is_and: bool) -> NDArray[np.float64]:
    """Return the "and" or "or" of truths in which an unknown counts only where the others do not decide (Kleene)."""
    if len(words) == 1:
        return words[0]
    rows = np.stack(np.broadcast_arrays(*words))
    decisive = 0.0 if is_and else 1.0
    known = np.where(np.isnan(rows).any(axis=0), np.nan, 1.0 - decisive)
    return np.where((rows == decisive).any(axis=0), decisive, known)


def _is_finite(number: float) -> bool:
    try:
        return isfinite(number)
    except OverflowError:  # a whole number that no float holds
        return False


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0


def _is_condition(node: ast.expr) -> bool:
    """A name may be a yes-or-no of its own."""
    if isinstance(node, ast.BoolOp):
        return all(_is_condition(value) for value in node.values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _is_condition(node.operand)
    if isinstance(node, ast.Constant):
        return isinstance(node.value, bool)
    return isinstance(node, ast.Compare | ast.Name)


def _find_truths(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield from _find_truths(node.operand)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _find_truths(value)


def _parse(text: str) -> ast.Expr:
    if not text:
        raise _fault(_("Write an expression, such as pressure > 6 and valve == 1."))
    if len(text) > MAX_LENGTH:
        raise _fault(_("An expression may have at most %(most)d characters.") % {"most": MAX_LENGTH})
    try:
        tree = ast.parse(text, mode="exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _fault(_say_unreadable(text, error)) from None
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
        raise _fault(_("Write one expression, without assignments; == compares."))
    return tree.body[0]


def _say_unreadable(text: str, error: Exception) -> str:
    """Return what is wrong where Python's parser has stopped, with the text at that place: its own words are English
    and speak of Python.
    """
    if not isinstance(error, SyntaxError) or not error.offset:
        return _("The expression has too many parts; split it into two rules.")
    start = min(_character(text, error.lineno, error.offset), len(text))
    told = {"at": start + 1, "part": _part(text, start)}
    message = error.msg or ""
    if "never closed" in message:
        return _("The bracket at character %(at)d, “%(part)s”, is never closed; write ) for it.") % told
    if "unmatched" in message:
        return _("The bracket at character %(at)d, “%(part)s”, was never opened; take it out.") % told
    if "invalid character" in message or "non-printable" in message:
        told["part"] = text[start : start + 1]
        return (
            _(
                "The character “%(part)s” at character %(at)d is unknown; write signs in half width, such as > ( )."
            )
            % told
        )
    if start >= len(text.rstrip()):
        return (
            _("The expression ends after “%(part)s”; the name of a point or a number is expected there.")
            % {"part": text[-_SHOWN:].strip()}
        )  # fmt: skip
    if "=" in text[max(start - 1, 0) : start + 1] or "==" in message:
        return _("At character %(at)d, “%(part)s”: to compare, write == or >=.") % told
    if text[start] in "&|":
        return _("At character %(at)d, “%(part)s”: write “and” or “or”.") % told
    return (
        _(
            "“%(part)s” was not expected at character %(at)d; between two values stands one of + - * /, a comparison, "
            "and, or."
        )
        % told
    )


def _character(text: str, line: int | None, column: int) -> int:
    """Return the place in the text, from 0, of a line and column, both from 1."""
    lines = text.splitlines(keepends=True)
    return sum(map(len, lines[: (line or 1) - 1])) + column - 1


def _part(text: str, start: int) -> str:
    part = text[start : start + _SHOWN].strip()
    return part + "…" if len(text) > start + _SHOWN else part


def _check(tree: ast.Expr, text: str) -> tuple[str, ...]:
    """Return the names of the inputs, in the order of the alphabet."""
    nodes = list(ast.walk(tree))
    if len(nodes) > MAX_NODES:
        raise _fault(_("The expression has too many parts; split it into two rules."))
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Call):
            _check_call(node, text)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str | bytes | complex) or node.value is None or node.value is ...:
                raise _at(text, node, _("Only numbers, True and False may stand here."))
            if not _is_finite(node.value):
                raise _at(text, node, _("The number is too large."))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and _is_zero(node.right):
            raise _at(text, node.right, _("Nothing can be divided by 0."))
        elif isinstance(node, ast.Name):
            if id(node) not in called:
                names.add(node.id)
        elif not isinstance(node, (*_CONTAINERS, *_OPERATORS)):
            raise _at(
                text, node, _("Only + - * /, comparisons, and, or, not, abs, sqrt, min and max may be used.")
            )
    if not names:
        raise _fault(_("The expression names no point."))
    if len(names) > MAX_INPUTS:
        raise _fault(_("An expression may read at most %(most)d points.") % {"most": MAX_INPUTS})
    return tuple(sorted(names))


def _check_call(node: ast.Call, text: str) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name not in _FUNCTIONS or node.keywords or any(isinstance(word, ast.Starred) for word in node.args):
        raise _at(text, node, _("Only the functions abs, sqrt, min and max are known."))
    _function, fewest, most = _FUNCTIONS[name]
    if not fewest <= len(node.args) <= most:
        raise _at(text, node, _("%(name)s has the wrong number of arguments.") % {"name": name})


def _at(text: str, node: ast.AST, sentence: str) -> InvalidInputError:
    start = _place(text, getattr(node, "lineno", 1), getattr(node, "col_offset", 0))
    told = {"at": start + 1, "part": _part(text, start), "sentence": sentence}
    return _fault(_("At character %(at)d, “%(part)s”: %(sentence)s") % told)


def _place(text: str, line: int, offset: int) -> int:
    """Return the character, from 0, of a place that the parser counts in bytes of a line."""
    lines = text.splitlines(keepends=True) or [""]
    inside = lines[min(line, len(lines)) - 1].encode()[:offset].decode(errors="ignore")
    return sum(map(len, lines[: line - 1])) + len(inside)


def _fault(sentence: str) -> InvalidInputError:
    return InvalidInputError.at("expression", sentence, key="alarms.invalid_expression")
