"""Points that ought to speak and do not: the condition holds from ``silent_us`` after the last good sample on. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forgeline.alarms.judging.columns import CHANGES, NEVER, heads_of


def find_changes(
    rows: NDArray[np.void],
    terms: NDArray[np.void],
    standing: NDArray[np.void],
    *,
    until_us: NDArray[np.int64],
) -> NDArray[np.void]:
    """Return where silence begins and ends, gaps between the rows included, up to ``until_us`` (a time a rule).

    **Shape** ``rows`` as columns.ROWS: the good samples since the last time, by rule and time; ``standing`` tells
    each rule's newest before them. A rule that has never seen a sample is silent to nobody.
    """
    changes = [_between(rows, terms, standing), _at_the_end(rows, terms, standing, until_us)]
    found = np.concatenate(changes)
    return found[np.lexsort((found["ts_us"], found["rule"]))]


def _between(rows: NDArray[np.void], terms: NDArray[np.void], standing: NDArray[np.void]) -> NDArray[np.void]:
    if not len(rows):
        return np.zeros(0, CHANGES)
    rule, ts_us = rows["rule"], rows["ts_us"]
    head = heads_of(rule)
    before = np.empty_like(ts_us)
    before[1:] = ts_us[:-1]
    before[head] = standing["seen_us"][rule[head]]
    was_out = head & standing["is_out"][rule]
    begins = before + terms["silent_us"][rule]
    gap = (before != NEVER) & (ts_us > begins) & ~was_out
    ends = np.flatnonzero(gap | was_out)
    starts = np.flatnonzero(gap)
    changes = np.zeros(len(starts) + len(ends), CHANGES)
    changes["rule"] = np.concatenate([rule[starts], rule[ends]])
    changes["ts_us"] = np.concatenate([begins[starts], ts_us[ends]])
    changes["is_out"][: len(starts)] = True
    changes["signal"] = np.concatenate([np.full(len(starts), np.nan), (ts_us[ends] - before[ends]) / 1e6])
    return changes


def _at_the_end(
    rows: NDArray[np.void], terms: NDArray[np.void], standing: NDArray[np.void], until_us: NDArray[np.int64]
) -> NDArray[np.void]:
    last = standing["seen_us"].copy()
    is_out = standing["is_out"].copy()
    if len(rows):
        tail = np.ones(len(rows), np.bool_)
        tail[:-1] = rows["rule"][1:] != rows["rule"][:-1]
        last[rows["rule"][tail]] = rows["ts_us"][tail]
        is_out[rows["rule"][tail]] = False
    begins = last + terms["silent_us"]
    silent = np.flatnonzero((terms["silent_us"] > 0) & (last != NEVER) & ~is_out & (begins < until_us))
    changes = np.zeros(len(silent), CHANGES)
    changes["rule"], changes["ts_us"], changes["is_out"] = silent, begins[silent], True
    changes["signal"] = np.nan
    return changes
