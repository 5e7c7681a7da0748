"""How far out a signal went while its alarm was active. Pure numpy.

Not here: conditions without a size (a state, silence, an expression): they have no peak.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forgeline.alarms.definitions import Deviation, Limit, Rate
from forgeline.alarms.judging.book import Planned
from forgeline.alarms.judging.columns import NEVER
from forgeline.alarms.judging.merging import Track, merge
from forgeline.alarms.judging.signals import Samples

Signal = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Instants and values."""


def has_size(planned: Planned) -> bool:
    """Say whether the rule's signal has a size at all."""
    return isinstance(planned.definition.condition, Limit | Deviation | Rate)


def signal_of(planned: Planned, samples: Samples) -> Signal:
    """Return what the rule looks at: the value, its distance from the setpoint, or its slope a minute.

    **Gaps** instants of which nothing can be said are left out.
    """
    condition = planned.definition.condition
    tracks = {name: _track(planned, name, samples) for name in condition.inputs}
    own = tracks["point"]
    match condition:
        case Deviation(setpoint=str()):
            pair = [own, tracks["setpoint"]]
            end_us = int(samples.ts_us.max()) if len(samples.ts_us) else 0
            instants, values = merge(pair, after_us=NEVER, until_us=end_us)
            signal = values[0] - values[1]
        case Deviation():
            instants, signal = own.ts_us, own.value - float(condition.setpoint)
        case Rate():
            instants, signal = own.ts_us[1:], np.full(max(len(own.ts_us) - 1, 0), np.nan)
            step_us = np.diff(own.ts_us)
            near = step_us <= own.hold_us
            signal[near] = np.diff(own.value)[near] / (step_us[near] / 6e7)
        case _:
            instants, signal = own.ts_us, own.value
    known = ~np.isnan(signal)
    return instants[known], signal[known]


def find_peaks(
    planned: Planned,
    signal: Signal,
    begin_us: NDArray[np.int64],
    end_us: NDArray[np.int64],
    before: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the furthest of each span's signal and of what was known ``before``; NaN where there is neither."""
    instants, values = signal
    peaks = before.copy()
    low, high = np.searchsorted(instants, begin_us), np.searchsorted(instants, end_us)
    some = np.flatnonzero(low < high)
    if not len(some):
        return peaks
    cuts = np.stack([low[some], high[some]], axis=1).ravel()
    padded = np.append(values, values[-1])
    highest = np.fmax(np.maximum.reduceat(padded, cuts)[::2], peaks[some])
    lowest = np.fmin(np.minimum.reduceat(padded, cuts)[::2], peaks[some])
    condition = planned.definition.condition
    if isinstance(condition, Limit):
        peaks[some] = highest if condition.level.is_upper else lowest
    else:
        peaks[some] = np.where(np.abs(highest) >= np.abs(lowest), highest, lowest)
    return peaks


def _track(planned: Planned, name: str, samples: Samples) -> Track:
    source = planned.inputs[name]
    start, end = np.searchsorted(samples.point_id, [source.point_id, source.point_id + 1])
    return Track(samples.ts_us[start:end], samples.value[start:end], source.hold_us)
