"""What would calm a rule that fires too often: a deadband or a delay of which a few sizes are tried. Pure.

The sizes are tried where the rule is busiest; the smallest that calms it is then judged over the whole span (machine),
so that what is told of it is counted, not guessed. Not here: when a rule fires too often (findings).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from forgeline.alarms.definitions import MAX_DELAY_S, Deviation, Limit, Rate, Silence
from forgeline.alarms.judging.book import Planned
from forgeline.alarms.judging.signals import Samples
from forgeline.alarms.trying.extremes import signal_of

DELAYS_S = (5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""**Source** EEMUA 191 §3.5 and ISA-18.2 §10.6 recommend 15 s to 60 s for flow, level, pressure, temperature; the
rest for what is slower."""
STEPS = (2.0, 4.0, 8.0, 16.0, 32.0)
"""Deadbands by the usual step from one sample to the next: what noise does within one sample must not count."""
PATIENCE = (2.0, 5.0, 10.0, 30.0)
CALM_SHARE = 0.1
"""A size calms a rule when no more than this share of its alarms is left."""


def propose(planned: Planned, samples: Samples) -> dict[str, list[Planned]]:
    """Return rules that are like ``planned`` but for one number, by what was changed, the smallest change first."""
    definition = planned.definition
    condition = definition.condition
    if isinstance(condition, Silence):
        own_s = condition.after_s or max(each.hold_us for each in planned.inputs.values()) / 1e6
        longer = [msgspec.structs.replace(condition, after_s=own_s * times) for times in PATIENCE]
        return {"after_s": [_with(planned, condition=each) for each in longer if each.after_s <= MAX_DELAY_S]}
    found = {
        "on_delay_s": [_with(planned, on_delay_s=s) for s in DELAYS_S if s > definition.on_delay_s],
    }
    if isinstance(condition, Limit | Deviation | Rate):
        deadbands = _deadbands(planned, samples)
        if deadbands:
            found["deadband"] = [
                _with(planned, condition=msgspec.structs.replace(condition, deadband=size))
                for size in deadbands
            ]
    return found


def choose(candidates: Sequence[Planned], left: Sequence[int], fired: int) -> Planned | None:
    """Return the first candidate that leaves few enough of ``fired`` alarms, else the one that leaves fewest."""
    if not candidates or min(left) >= fired:
        return None
    for candidate, count in zip(candidates, left, strict=True):
        if count <= max(1, fired * CALM_SHARE):
            return candidate
    return candidates[int(np.argmin(left))]


def size_of(planned: Planned, what: str) -> float:
    """Return the number that was changed."""
    holder = planned.definition if what == "on_delay_s" else planned.definition.condition
    return float(getattr(holder, what))


def _deadbands(planned: Planned, samples: Samples) -> list[float]:
    condition = planned.definition.condition
    _instants, values = signal_of(planned, samples)
    steps = np.abs(np.diff(values))
    steps = steps[steps > 0]
    if not len(steps):
        return []
    usual, spread = float(np.median(steps)), float(values.max() - values.min())
    if isinstance(condition, Limit):
        most = spread
    elif isinstance(condition, Deviation):
        most = min([size for size in (condition.above, condition.below) if size is not None])
    else:
        assert isinstance(condition, Rate)
        most = min([size for size in (condition.rise_per_min, condition.fall_per_min) if size is not None])
    sizes = sorted({_round_up(usual * times) for times in STEPS})
    return [size for size in sizes if condition.deadband < size < most]


def _round_up(size: float) -> float:
    """Return the next number that a person would write: 1, 1.5, 2, 3, 5 or 7 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(size))
    step = next((each for each in (1, 1.5, 2, 3, 5, 7) if each >= size / power * (1 - 1e-9)), 10)
    return float(f"{step * power:.3g}")


def _with(planned: Planned, **changes: object) -> Planned:
    definition = msgspec.structs.replace(planned.definition, **changes)
    return Planned(planned.asset_id, planned.key, definition, planned.inputs)
