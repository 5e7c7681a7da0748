"""The gate before every judgement: is there enough, and can it be trusted? Pure.

A score is given or ``NotEnough`` with its reason; there is no silent zero and no score out of holes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Reason(StrEnum):
    """Why there is no answer; a key for the page's wording."""

    TOO_FEW_SAMPLES = "too_few_samples"
    TOO_SHORT = "too_short"
    TOO_MANY_GAPS = "too_many_gaps"
    CLOCK_JUMPS = "clock_jumps"
    NO_VARIATION = "no_variation"
    UNKNOWN_REGIME = "unknown_regime"
    NO_TREND = "no_trend"
    TREND_AWAY = "trend_away"
    BEYOND_HORIZON = "beyond_horizon"
    TOO_FEW_FAILURES = "too_few_failures"
    TOO_FEW_GROUPS = "too_few_groups"
    NOT_PREDICTABLE = "not_predictable"
    TOO_FEW_POINTS = "too_few_points"
    DRIFTED = "drifted"


@dataclass(frozen=True, slots=True)
class NotEnough:
    """Not enough evidence, why, and the numbers that say so (what there is, what it would take)."""

    reason: Reason
    data: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gate:
    """What a judgement asks of the samples beneath it."""

    samples: int = 30
    span_s: float = 0.0
    coverage: float = 0.5
    """Share of the span in which the value was known (a value holds at most ``hold_s``)."""
    jumps: int = 0
    """Stamps that may run backwards before the clock is not believed."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found, where it sufficed."""

    samples: int
    span_s: float
    coverage: float
    jumps: int


def weigh_evidence(
    ts_s: NDArray[np.float64], values: NDArray[np.float64], hold_s: float, gate: Gate | None = None
) -> Evidence | NotEnough:
    """Return what the samples of one point are worth, or why they are worth nothing.

    **Shape** two columns of one length in the order of arrival (so that a clock set back is seen). **Units**
    seconds. **Gaps** NaN counts as no sample; a value holds until the next one, at most ``hold_s``.
    """
    gate = gate or Gate()
    known = np.isfinite(values) & np.isfinite(ts_s)
    stamps = ts_s[known]
    count = len(stamps)
    if count < max(gate.samples, 2):
        return NotEnough(Reason.TOO_FEW_SAMPLES, {"samples": count, "needed": max(gate.samples, 2)})
    steps = np.diff(stamps)
    jumps = int((steps < 0).sum())
    if jumps > gate.jumps:
        return NotEnough(Reason.CLOCK_JUMPS, {"jumps": jumps, "allowed": gate.jumps})
    every = np.sort(ts_s[np.isfinite(ts_s)])
    span_s = float(every[-1] - every[0])
    if span_s < gate.span_s or span_s <= 0:
        return NotEnough(Reason.TOO_SHORT, {"span_s": span_s, "needed_s": gate.span_s})
    in_order = np.sort(stamps)
    until = np.append(np.diff(in_order), every[-1] - in_order[-1])
    coverage = float(np.minimum(until, hold_s).sum() / span_s)
    if coverage < gate.coverage:
        return NotEnough(Reason.TOO_MANY_GAPS, {"coverage": coverage, "needed": gate.coverage})
    return Evidence(count, span_s, coverage, jumps)
