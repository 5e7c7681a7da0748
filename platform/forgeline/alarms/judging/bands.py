"""From a signal to the instants at which it leaves its band and comes back. Pure, vectorised over all rules.

Every condition but silence comes to this: a limit's signal is the value, a deviation's the distance from its
setpoint, a rate's the slope, and a state's or an expression's is 1 or 0 with a bound between.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forgeline.alarms.judging.columns import CHANGES, heads_of


def find_changes(
    rows: NDArray[np.void], terms: NDArray[np.void], standing: NDArray[np.void]
) -> NDArray[np.void]:
    """Return where the condition of a rule begins or ceases to hold.

    **Shape** ``rows`` as columns.ROWS, by rule and time; ``terms`` and ``standing`` a row a rule, not changed.
    **Gaps** a signal of NaN says nothing: the condition stays what it was.
    **Source** hysteresis as the deadband of OPC UA Part 9 §5.8.18 and ISA-18.2 §10.5.
    """
    if not len(rows):
        return np.zeros(0, CHANGES)
    rule, signal = rows["rule"], rows["signal"]
    asked = terms[rule]
    out = (signal > asked["high"]) | (signal < asked["low"])
    back = (signal <= asked["high"] - asked["deadband"]) & (signal >= asked["low"] + asked["deadband"])
    # 1: out; -1: back within; 0: in the deadband, where it stays what it was.
    says = out.astype(np.int8) - back.astype(np.int8)
    heads = np.flatnonzero(heads_of(rule))
    was = np.where(standing["is_out"][rule[heads]], 1, -1).astype(np.int8)
    filled = says.copy()
    filled[heads] = np.where(says[heads] == 0, was, says[heads])
    # The head of each rule says something, so what is carried on never comes from another rule.
    filled = filled[np.maximum.accumulate(np.where(filled != 0, np.arange(len(rows)), 0))]
    before = np.empty_like(filled)
    before[1:] = filled[:-1]
    before[heads] = was
    at = np.flatnonzero(filled != before)
    changes = np.zeros(len(at), CHANGES)
    changes["rule"], changes["ts_us"], changes["signal"] = rule[at], rows["ts_us"][at], signal[at]
    changes["is_out"] = filled[at] > 0
    return changes
