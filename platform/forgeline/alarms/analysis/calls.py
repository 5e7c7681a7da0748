"""Calls: each time an operator was told of an alarm, until when it stood, and when somebody answered. Pure numpy.

Not here: where the journal is read (journal), what is counted of calls (rates, nuisance, kpis).
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

NEVER = np.int64(2**62)
"""Later than anything."""


class Kind(IntEnum):
    """Entries of the journal that matter here, as numbers. The order in time is kept, not the words."""

    RAISED = 0
    CLEARED = 1
    ACKNOWLEDGED = 2
    SHELVED = 3
    OUT_OF_SERVICE = 4
    SUPPRESSED = 5
    UNSUPPRESSED = 6
    UNSHELVED = 7
    IN_SERVICE = 8


ENTRIES = np.dtype([("alarm", "i8"), ("at_us", "i8"), ("kind", "i1"), ("is_quiet", "?")])
"""The journal as columns, by time; entries of one instant in the order in which they were written."""

CALLS = np.dtype(
    [
        ("alarm", "i8"), ("at_us", "i8"), ("end_us", "i8"), ("is_open", "?"), ("is_cleared", "?"),
        ("answered_us", "i8"), ("is_taken_off", "?"),
    ]
)  # fmt: skip
"""An operator was told at ``at_us``; the alarm stood before them until ``end_us``: cleared (``is_cleared``), or
shelved, suppressed, out of service; ``is_open``: it still stood where the reading ends. ``answered_us``: when somebody
acknowledged, NEVER for nobody; ``is_taken_off``: nobody had to any more."""

ANSWERS = np.dtype([("alarm", "i8"), ("since_us", "i8"), ("at_us", "i8")])
"""An acknowledgement, and the first call that it answered."""

_TAKES_OFF = (Kind.SHELVED, Kind.OUT_OF_SERVICE, Kind.SUPPRESSED)
_GIVES_BACK = (Kind.UNSHELVED, Kind.IN_SERVICE, Kind.UNSUPPRESSED)


def new_entries(
    alarm: NDArray[np.int64], at_us: NDArray[np.int64], kind: NDArray[np.int8], is_quiet: NDArray[np.bool_]
) -> NDArray[np.void]:
    """Return columns as entries."""
    entries = np.zeros(len(alarm), ENTRIES)
    entries["alarm"], entries["at_us"], entries["kind"], entries["is_quiet"] = alarm, at_us, kind, is_quiet
    return entries


def find_calls(entries: NDArray[np.void], until_us: int) -> NDArray[np.void]:
    """Return the calls by alarm and time; ``until_us`` is where the reading ends.

    A call is a raise that was not quiet, or an alarm that comes back while it is active, from the shelf, from its
    suppression or into service: it waits for an answer as if it came now.
    **Source** ISA-18.2 §8 (states) and §16: load is what is annunciated to the operator; shelved and suppressed
    alarms are no load until they return.
    """
    entries = entries[np.lexsort((np.arange(len(entries)), entries["at_us"], entries["alarm"]))]
    kind, size = entries["kind"], len(entries)
    begins = ~entries["is_quiet"] & ((kind == Kind.RAISED) | _comes_back(entries))
    first = np.flatnonzero(begins)
    calls = np.zeros(len(first), CALLS)
    calls["alarm"], calls["at_us"] = entries["alarm"][first], entries["at_us"][first]
    ends = begins | np.isin(kind, (Kind.RAISED, Kind.CLEARED, *_TAKES_OFF))
    end = _next_of_same(entries, ends, first)
    settle = _next_of_same(entries, np.isin(kind, (Kind.ACKNOWLEDGED, *_TAKES_OFF)), first)
    calls["is_open"] = end == size
    # What stands where the reading ends is padded with one row beyond the last.
    at_us, what = np.append(entries["at_us"], until_us), np.append(kind, np.int8(-1))
    calls["end_us"], calls["is_cleared"] = at_us[end], what[end] == Kind.CLEARED
    calls["answered_us"] = np.where(what[settle] == Kind.ACKNOWLEDGED, at_us[settle], NEVER)
    calls["is_taken_off"] = np.isin(what[settle], _TAKES_OFF)
    return calls


def find_answers(calls: NDArray[np.void]) -> NDArray[np.void]:
    """Return the acknowledgements of calls (by alarm and time). One answers all calls of its alarm that waited."""
    answered = calls[calls["answered_us"] != NEVER]
    is_first = np.ones(len(answered), np.bool_)
    is_first[1:] = (answered["alarm"][1:] != answered["alarm"][:-1]) | (
        answered["answered_us"][1:] != answered["answered_us"][:-1]
    )
    answers = np.zeros(int(is_first.sum()), ANSWERS)
    answers["alarm"] = answered["alarm"][is_first]
    answers["since_us"], answers["at_us"] = answered["at_us"][is_first], answered["answered_us"][is_first]
    return answers


def within(calls: NDArray[np.void], from_us: int, to_us: int) -> NDArray[np.void]:
    """Return the calls of ``[from, to)``."""
    return calls[(calls["at_us"] >= from_us) & (calls["at_us"] < to_us)]


def count_entries(entries: NDArray[np.void], kind: Kind, from_us: int, to_us: int) -> int:
    """Return how many entries of a kind lie in ``[from, to)``."""
    at_us = entries["at_us"]
    return int(((entries["kind"] == kind) & (at_us >= from_us) & (at_us < to_us)).sum())


def standing_us(calls: NDArray[np.void], from_us: int, to_us: int) -> NDArray[np.int64]:
    """Return how long each call stood within ``[from, to)``."""
    length = np.minimum(calls["end_us"], to_us) - np.maximum(calls["at_us"], from_us)
    return np.maximum(length, 0)


def _comes_back(entries: NDArray[np.void]) -> NDArray[np.bool_]:
    """Say of each entry (by alarm and time) whether it gives an active alarm back that nothing else keeps silent."""
    kind = entries["kind"]
    comes = np.isin(kind, _GIVES_BACK) & (_last_of_same(entries, (Kind.RAISED, Kind.CLEARED)) == Kind.RAISED)
    for taken, given in zip(_TAKES_OFF, _GIVES_BACK, strict=True):
        comes &= (kind == given) | (_last_of_same(entries, (taken, given)) != taken)
    return comes


def _last_of_same(entries: NDArray[np.void], kinds: tuple[Kind, ...]) -> NDArray[np.int8]:
    """Return the last of some kinds that the same alarm had up to each entry; -1 for none."""
    place = np.where(np.isin(entries["kind"], kinds), np.arange(len(entries)), -1)
    last = np.maximum.accumulate(place) if len(place) else place
    is_own = (last >= 0) & (entries["alarm"][last] == entries["alarm"])
    found: NDArray[np.int8] = np.where(is_own, entries["kind"][last], np.int8(-1))
    return found


def _next_of_same(
    entries: NDArray[np.void], wanted: NDArray[np.bool_], after: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return the place of the next wanted entry of the same alarm after each place; ``len(entries)`` for none."""
    size = len(entries)
    ahead = np.full(size + 1, size, np.intp)
    ahead[:size] = np.where(wanted, np.arange(size), size)
    ahead = np.minimum.accumulate(ahead[::-1])[::-1]
    found = ahead[after + 1]
    alarm = np.append(entries["alarm"], -1)
    return np.where(alarm[found] == alarm[after], found, size)
