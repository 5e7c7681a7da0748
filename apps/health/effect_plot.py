"""The plot of an effect as shares of its width, drawn alike by page and paper. Pure but for its types.

Failures: the rates before and since, each with its interval, from zero. The others: the change with its interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.health.queries.effect import MachineEffect, Measure, Result

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
TICKS = 5
FAR = 4.0
"""An interval that reaches so many times further than the largest value is cut, and drawn as cut."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A value with its interval. **Units** percent of the width."""

    kind: str
    """before | after | change"""
    at: float
    low: float
    high: float
    is_cut: bool

    @property
    def width(self) -> float:
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class Plot:
    """Ticks as (place, number); the place of zero; the marks of each machine, in their order."""

    ticks: list[tuple[float, str]]
    zero: float
    rows: list[list[Mark]]


def lay_plot(measure: Measure, machines: Sequence[MachineEffect]) -> Plot | None:
    """Return the plot, None where there is nothing to draw."""
    told = [_values(measure, each.results[measure]) for each in machines]
    every = [value for row in told for value in row]
    if not every:
        return None
    reach = FAR * max(1e-9, *(abs(at) for _kind, at, _low, _high in every))
    most = max(min(high, reach) for _kind, _at, _low, high in every)
    least = min(0.0, *(max(low, -reach) for _kind, _at, low, _high in every))
    step = _step((max(most, 0.0) - least) / TICKS)
    first, last = np.floor(least / step), np.ceil(max(most, 0.0) / step)
    begin, span = first * step, max(last - first, 1) * step

    def place(value: float) -> float:
        return round(float(np.clip((value - begin) / span, 0.0, 1.0)) * 100, 2)

    rows = [
        [
            Mark(kind, place(at), place(low), place(high), is_cut=bool(high > begin + span or low < begin))
            for kind, at, low, high in row
        ]
        for row in told
    ]
    ticks = [(place(n * step), f"{n * step:,.6g}".replace("-", "−")) for n in np.arange(first, last + 1)]
    return Plot(ticks, place(0.0), rows)


def _values(measure: Measure, result: Result) -> list[tuple[str, float, float, float]]:
    if measure != "failures":
        if result.change is None or result.low is None or result.high is None:
            return []
        return [("change", result.change, result.low, result.high)]
    sides = (("before", result.before, result.before_range), ("after", result.after, result.after_range))
    return [(kind, at, *ends) for kind, at, ends in sides if at is not None and ends is not None]


def _step(raw: float) -> float:
    if raw <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(raw))
    return float(next(each for each in STEPS if each * power >= raw * (1 - 1e-9)) * power)
