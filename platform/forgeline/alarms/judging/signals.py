"""From samples to the signals that rules look at: values, codes, slopes. Pure, vectorised over all rules of a kind.

Not here: signals of several points (merging).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forgeline.alarms.judging.columns import NEVER, ROWS, heads_of


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Good samples as columns, by point and time, no two alike."""

    point_id: NDArray[np.int32]
    ts_us: NDArray[np.int64]
    value: NDArray[np.float64]


def rows_of(
    rule: NDArray[np.int32], point_id: NDArray[np.int32], samples: Samples, standing: NDArray[np.void]
) -> NDArray[np.void]:
    """Return the samples that each rule has not seen yet, as rows by rule and time; the signal is the value.

    **Shape** ``rule`` and ``point_id`` are columns of equal length, ``rule`` ascending; a point may serve many rules.
    """
    start = np.searchsorted(samples.point_id, point_id, "left")
    size = np.searchsorted(samples.point_id, point_id, "right") - start
    total = int(size.sum())
    # Row n of a rule is the n-th sample of its point.
    at = np.arange(total) - np.repeat(np.cumsum(size) - size, size) + np.repeat(start, size)
    rows = np.zeros(total, ROWS)
    rows["rule"] = np.repeat(rule, size)
    rows["ts_us"], rows["signal"] = samples.ts_us[at], samples.value[at]
    return rows[rows["ts_us"] > standing["seen_us"][rows["rule"]]]


def note_seen(rows: NDArray[np.void], standing: NDArray[np.void]) -> None:
    """Remember each rule's newest row, in place; ``rows`` hold values, before they are made into codes or slopes."""
    if len(rows):
        tail = np.ones(len(rows), np.bool_)
        tail[:-1] = rows["rule"][1:] != rows["rule"][:-1]
        last = rows[tail]
        standing["seen_us"][last["rule"]], standing["seen"][last["rule"]] = last["ts_us"], last["signal"]


def to_membership(
    rows: NDArray[np.void], code_rule: NDArray[np.int32], code: NDArray[np.int64]
) -> NDArray[np.void]:
    """Return the rows with the signal 1 where the value is a code of its rule, else 0.

    **Shape** ``code_rule`` and ``code`` are columns: the codes of a rule, a row each. A code fits into 40 bits.
    """
    found = rows.copy()
    wanted = (code_rule.astype(np.int64) << 40) + code
    given = (rows["rule"].astype(np.int64) << 40) + rows["signal"].astype(np.int64)
    found["signal"] = np.isin(given, wanted)
    return found


def to_slopes(
    rows: NDArray[np.void], terms: NDArray[np.void], standing: NDArray[np.void]
) -> NDArray[np.void]:
    """Return the rows with the change per minute since the row before as their signal.

    **Units** the point's unit per minute. **Gaps** NaN for a rule's first sample ever, and across a gap longer than
    the value before it holds.
    """
    slopes = rows.copy()
    if not len(rows):
        return slopes
    rule, head = rows["rule"], heads_of(rows["rule"])
    before_us, before = np.empty_like(rows["ts_us"]), np.empty_like(rows["signal"])
    before_us[1:], before[1:] = rows["ts_us"][:-1], rows["signal"][:-1]
    before_us[head], before[head] = standing["seen_us"][rule[head]], standing["seen"][rule[head]]
    minutes = (rows["ts_us"] - before_us) / 6e7
    known = (before_us != NEVER) & (rows["ts_us"] - before_us <= terms["hold_us"][rule])
    slopes["signal"] = np.where(known, (rows["signal"] - before) / np.where(known, minutes, 1.0), np.nan)
    return slopes
