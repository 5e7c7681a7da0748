"""What would calm an alarm: changes of its rule, what each would have done, and which of them to suggest. Pure.

A change is judged by the alarms it leaves, by the real ones it loses, and by how much later it tells of the others.
Not here: judging stored samples (evidence), the sizes that are tried (trying.calming).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from forgeline.alarms.definitions import Silence
from forgeline.alarms.judging.book import Planned
from forgeline.alarms.judging.signals import Samples
from forgeline.alarms.trying.calming import CALM_SHARE, DELAYS_S, propose, size_of as changed_size
from forgeline.alarms.trying.findings import Found, is_alone
from forgeline.alarms.trying.spans import SPANS, no_pieces
from forgeline.alarms.trying.walk import NO_SAMPLES

REAL_US = 60_000_000
"""An alarm that stood so long was real: somebody could have acted on it."""
MOST_LOST = 0.05
"""No more than this share of the real alarms may be lost."""
LEAST_GAIN = 0.3
"""A change that takes away less than this share of the alarms is not worth a word."""
ORDER = ("deadband", "off_delay_s", "on_delay_s", "after_s")
"""Which is chosen among those that calm: a deadband delays nothing, an off-delay only the end.
**Source** ISA-18.2 §10.6 and EEMUA 191: deadbands first, on-delays with care."""


@dataclass(frozen=True, slots=True)
class Change:
    """A rule that is like ``planned`` was but for one number."""

    what: str
    size: float
    planned: Planned


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change would have done: ``before`` and ``after`` are alarms that people were told of."""

    before: int
    after: int
    real: int
    """Alarms that stood for REAL_US or longer."""
    lost: int
    """Real ones of which nobody would have heard."""
    delay_s: float
    """How much later the real ones would have come, in the middle."""

    @property
    def is_safe(self) -> bool:
        return self.lost <= self.real * MOST_LOST and self.after < self.before

    @property
    def is_calm(self) -> bool:
        return self.after <= max(1, self.before * CALM_SHARE)


def list_changes(planned: Planned, samples: Samples = NO_SAMPLES) -> list[Change]:
    """Return what may be changed, in ORDER and the smallest first; deadbands only where there are samples."""
    found = propose(planned, samples)
    definition = planned.definition
    if not isinstance(definition.condition, Silence):
        found["off_delay_s"] = [_with_off_delay(planned, s) for s in DELAYS_S if s > definition.off_delay_s]
    return [
        Change(what, size_of(each, what), each) for what in ORDER if what in found for each in found[what]
    ]


def size_of(planned: Planned, what: str) -> float:
    """Return the number that is changed, as it is in a rule."""
    return planned.definition.off_delay_s if what == "off_delay_s" else changed_size(planned, what)


def compare(old: Found, new: Found) -> Outcome:
    """Return what a change does; both have judged the same span."""
    told, others = old.told, new.told
    is_real = told["end_us"] - told["begin_us"] >= REAL_US
    lost = is_alone(old, new)
    kept = told[is_real & ~lost]
    # The first of the new that ends after the old one began is the one that overlaps it.
    at = np.searchsorted(others["end_us"], kept["begin_us"], side="right")
    late_us = np.maximum(others["begin_us"][at] - kept["begin_us"], 0)
    return Outcome(
        before=len(told),
        after=len(others),
        real=int(is_real.sum()),
        lost=int((is_real & lost).sum()),
        delay_s=round(float(np.median(late_us)) / 1e6, 1) if len(late_us) else 0.0,
    )


def choose(tried: Sequence[tuple[Change, Outcome]]) -> tuple[Change, Outcome] | None:
    """Return what to suggest: the gentlest change that calms the alarm, else the one that leaves fewest; None where
    all of them lose too many real alarms, or help too little.
    """
    safe = [(change, outcome) for change, outcome in tried if outcome.is_safe]
    calm = [pair for pair in safe if pair[1].is_calm]
    if calm:
        return min(calm, key=lambda pair: (ORDER.index(pair[0].what), pair[0].size))
    helpful = [pair for pair in safe if pair[1].after <= pair[1].before * (1 - LEAST_GAIN)]
    return min(helpful, key=lambda pair: (pair[1].after, pair[1].delay_s, pair[0].size), default=None)


def try_on_journal(planned: Planned, calls: NDArray[np.void]) -> list[tuple[Change, Outcome]]:
    """Return what delays would have done to one alarm's calls (by time), by their lengths and gaps alone.

    An off-delay bridges the gaps that are shorter, an on-delay (or a longer wait for a value) swallows the calls that
    are. What a deadband does the journal does not tell.
    """
    old = Found(_spans(calls["at_us"], calls["end_us"]), no_pieces())
    return [
        (change, compare(old, Found(_delayed(planned, change, old.spans), no_pieces())))
        for change in list_changes(planned)
    ]


def _delayed(planned: Planned, change: Change, spans: NDArray[np.void]) -> NDArray[np.void]:
    more_us = round((change.size - own_size(planned, change.what)) * 1e6)
    begin_us, end_us = spans["begin_us"], spans["end_us"]
    if change.what == "off_delay_s":
        # The condition returned an on-delay before its alarm did.
        gap_us = begin_us[1:] - end_us[:-1] - round(planned.definition.on_delay_s * 1e6)
        is_first = np.ones(len(spans), np.bool_)
        is_first[1:] = gap_us > more_us
        return _spans(begin_us[is_first], end_us[np.roll(is_first, -1)] + more_us)
    # The alarm outlasted its condition by the off-delay.
    survives = end_us - begin_us - round(planned.definition.off_delay_s * 1e6) > more_us
    return _spans(begin_us[survives] + more_us, end_us[survives])


def own_size(planned: Planned, what: str) -> float:
    """Return the number as it stands; a wait for a value of 0 s stands for what the point is held for."""
    size = size_of(planned, what)
    return size or (max(each.hold_us for each in planned.inputs.values()) / 1e6 if what == "after_s" else 0.0)


def _spans(begin_us: NDArray[np.int64], end_us: NDArray[np.int64]) -> NDArray[np.void]:
    spans = np.zeros(len(begin_us), SPANS)
    spans["begin_us"] = begin_us
    spans["end_us"] = np.maximum(end_us, begin_us + 1)
    return spans


def _with_off_delay(planned: Planned, size_s: float) -> Planned:
    definition = msgspec.structs.replace(planned.definition, off_delay_s=size_s)
    return Planned(planned.asset_id, planned.key, definition, planned.inputs)
