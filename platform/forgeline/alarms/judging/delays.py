"""From changes of a condition to transitions of its alarm: what must last before it counts. Pure.

Changes are few beside samples, so they are walked one by one; rules that only wait are looked at as columns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forgeline.alarms.judging.columns import TRANSITIONS


def settle(
    changes: NDArray[np.void],
    terms: NDArray[np.void],
    standing: NDArray[np.void],
    *,
    known_until_us: NDArray[np.int64],
) -> NDArray[np.void]:
    """Return the transitions up to ``known_until_us`` (a time a rule) and bring ``standing`` up to it, in place.

    A condition that holds for ``on_delay_us`` makes its alarm active at the end of that time, one that has ceased
    for ``off_delay_us`` clears it; what comes back earlier starts anew. Cutting the same changes into several calls
    gives the same transitions.
    **Source** on- and off-delay of OPC UA Part 9 §5.8.2; ISA-18.2 §10.6.
    """
    found: list[tuple[int, int, bool, float]] = []
    for rule, ts_us, is_out, signal in changes.tolist():
        row = standing[rule]
        due_us = _due(row, terms[rule])
        if row["is_out"] != row["is_active"] and due_us < ts_us:
            found.append(_turn(standing, rule, due_us))
        standing["is_out"][rule], standing["since_us"][rule] = is_out, ts_us
        standing["signal"][rule] = signal
    delay_us = np.where(standing["is_out"], terms["on_delay_us"], terms["off_delay_us"])
    due = (standing["is_out"] != standing["is_active"]) & (standing["since_us"] + delay_us <= known_until_us)
    found += [
        _turn(standing, rule, _due(standing[rule], terms[rule])) for rule in np.flatnonzero(due).tolist()
    ]
    transitions = np.array(found, TRANSITIONS) if found else np.zeros(0, TRANSITIONS)
    return transitions[np.lexsort((transitions["ts_us"], transitions["rule"]))]


def _due(standing: np.void, terms: np.void) -> int:
    """When the alarm follows its condition; never before its own last transition (a late row may say so)."""
    delay_us = terms["on_delay_us"] if standing["is_out"] else terms["off_delay_us"]
    return max(int(standing["since_us"] + delay_us), int(standing["changed_us"]))


def _turn(standing: NDArray[np.void], rule: int, at_us: int) -> tuple[int, int, bool, float]:
    is_active = bool(standing["is_out"][rule])
    standing["is_active"][rule], standing["changed_us"][rule] = is_active, at_us
    return rule, at_us, is_active, float(standing["signal"][rule])
