"""The tables that there are: plants and assets, devices, points, users. Each writes by its area's services."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from forgeline.base.errors import InvalidInputError
from forgeline.identity.policy import Actor
from forgeline.transfer.sheets.columns import Column

MADE, CHANGED, SAME = "made", "changed", "same"


class SheetKind:
    """One kind of table, for one run: what it knows of the company it has read when it was made.

    ``look`` tells what is wrong with a row before anything is written, each cell by itself; ``write`` makes or changes
    what a row names and returns MADE, CHANGED or SAME. ``fields`` maps what a service calls a field to the column in
    which a person finds it, ``identity`` are the columns by which a row is told from all others.
    """

    key: ClassVar[str]
    title: ClassVar[Any]
    permission: ClassVar[str]
    columns: ClassVar[Sequence[Column]]
    fields: ClassVar[dict[str, str]] = {}
    identity: ClassVar[tuple[str, ...]]

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.after: list[dict[str, str]] = []
        """What is to be done once all of it is stored."""

    def look(self, row: dict[str, Any]) -> Iterator[InvalidInputError]:
        """Yield the faults of the cells that could be read; ``row`` lacks those that could not, or are empty."""
        yield from ()

    def write(self, row: dict[str, Any]) -> str:
        raise NotImplementedError

    def export(self) -> Iterator[list[Any]]:
        """Yield what there is, in the order of the columns."""
        raise NotImplementedError


def try_cell(read: Callable[[], object]) -> Iterator[InvalidInputError]:
    """Yield what reading a cell refuses."""
    try:
        read()
    except InvalidInputError as error:
        yield error


def changes_of(row: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Return what of ``given`` differs from a row."""
    return {name: value for name, value in given.items() if getattr(row, name) != value}
