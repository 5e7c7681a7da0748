"""The columns in which rules are judged: what each asks for, where each stands, what became of it. Pure numpy.

Not here: finding changes (bands, silence), waiting (delays), what a transition means to people (the alarms' life
cycle).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEVER = np.iinfo(np.int64).min // 4
"""A time before all others, far enough from the edge for a delay to be added."""

TERMS = np.dtype(
    [
        ("high", "f8"), ("low", "f8"), ("deadband", "f8"), ("on_delay_us", "i8"), ("off_delay_us", "i8"),
        ("silent_us", "i8"), ("hold_us", "i8"),
    ]
)  # fmt: skip
"""What a rule asks for, a row a rule. A signal above ``high`` or below ``low`` is out; it is back once it has come
``deadband`` inside both. An unused bound is infinite. ``silent_us``: a rule on silence, 0 for the others.
``hold_us``: how long a value stands without a newer one."""

STANDING = np.dtype(
    [
        ("is_out", "?"), ("since_us", "i8"), ("signal", "f8"), ("is_active", "?"), ("changed_us", "i8"),
        ("seen_us", "i8"), ("seen", "f8"),
    ]
)  # fmt: skip
"""Where a rule stands, a row a rule: whether its condition holds, since when and with which signal; whether its alarm
is active, since when; its newest good sample."""

ROWS = np.dtype([("rule", "i4"), ("ts_us", "i8"), ("signal", "f8")])
"""Signals by rule and time, no two alike."""

CHANGES = np.dtype([("rule", "i4"), ("ts_us", "i8"), ("is_out", "?"), ("signal", "f8")])
"""Instants at which a condition began or ceased to hold, by rule and time; each rule's alternate."""

TRANSITIONS = np.dtype([("rule", "i4"), ("ts_us", "i8"), ("is_active", "?"), ("signal", "f8")])
"""Instants at which an alarm became active or cleared, by rule and time; each rule's alternate."""


def new_standing(size: int) -> NDArray[np.void]:
    """Return ``size`` rules of which nothing is known yet: within bounds, no sample seen."""
    standing = np.zeros(size, STANDING)
    standing["signal"] = standing["seen"] = np.nan
    for name in ("since_us", "changed_us", "seen_us"):
        standing[name] = NEVER
    return standing


def new_terms(size: int) -> NDArray[np.void]:
    """Return ``size`` rules that ask for nothing: infinite bounds, no delay."""
    terms = np.zeros(size, TERMS)
    terms["high"], terms["low"] = np.inf, -np.inf
    return terms


def heads_of(rule: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return which rows are the first of their rule; rows stand by rule."""
    first = np.ones(len(rule), np.bool_)
    first[1:] = rule[1:] != rule[:-1]
    return first
