"""Changes of a rule judged by the stored samples of a week: exactly what the judge would have done.

First every size is tried where the alarm was busiest; the best of each kind, and the rule as it stands, then walk
through the whole span. Not here: what the journal alone tells (remedies), rows of trials (trying.jobs).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forgeline.alarms.analysis.remedies import Change, Outcome, choose, compare, list_changes
from forgeline.alarms.judging.book import Planned
from forgeline.alarms.trying import feeding
from forgeline.alarms.trying.calming import CALM_SHARE
from forgeline.alarms.trying.findings import Found
from forgeline.alarms.trying.masks import read_mask
from forgeline.alarms.trying.spans import Pieces
from forgeline.alarms.trying.walk import Walk
from forgeline.assets.models import Asset

LEAST_COVERAGE = 0.5
"""Samples of less than this share of the span tell too little of it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``best`` None: nothing helps; ``is_calm_now``: the rule as it stands would not have told of most of them."""

    best: tuple[Change, Outcome] | None
    coverage: float
    is_calm_now: bool = False


class Samples:
    """One alarm's week in its stored samples. ``asset`` with its site; in the tenant's scope."""

    def __init__(self, planned: Planned, asset: Asset, from_us: int, to_us: int) -> None:
        self._planned, self._asset = planned, asset
        self._from_us, self._to_us = from_us, to_us
        self._piece_us = feeding.piece_us([planned])
        self._masks: dict[tuple[Any, ...], Pieces] = {}

    def judge(self, calls: NDArray[np.void]) -> Verdict | None:
        """Return what would have calmed the alarm; ``calls`` are those that the journal tells of the span. None:
        there are too few samples to say.
        """
        number = (calls["at_us"] - self._from_us) // self._piece_us
        busiest = int(np.bincount(number).argmax())
        begin_us = self._from_us + busiest * self._piece_us
        end_us = min(begin_us + self._piece_us, self._to_us)
        changes = list_changes(self._planned, feeding.read_good(_points(self._planned), begin_us, end_us))
        tried, coverage, told = self._walk(changes, begin_us, end_us)
        if coverage < LEAST_COVERAGE:
            return None
        if told <= CALM_SHARE * int((number == busiest).sum()):
            return Verdict(None, coverage, is_calm_now=True)
        kinds = [list(group) for _what, group in groupby(tried, key=lambda pair: pair[0].what)]
        best = [chosen for chosen in map(choose, kinds) if chosen is not None]
        if not best:
            return Verdict(None, coverage)
        tried, coverage, _told = self._walk([change for change, _ in best], self._from_us, self._to_us)
        return Verdict(choose(tried), coverage) if coverage >= LEAST_COVERAGE else None

    def _walk(
        self, changes: list[Change], begin_us: int, end_us: int
    ) -> tuple[list[tuple[Change, Outcome]], float, int]:
        """Return what each change would have done, which share of the span is known, and what the rule tells."""
        walk = Walk([self._planned, *(change.planned for change in changes)], begin_us)
        feeding.begin(walk)
        while walk.until_us < end_us:
            feeding.feed(walk, min(walk.until_us + self._piece_us, end_us))
        old = self._found(self._planned, walk.spans(0))
        tried = [
            (change, compare(old, self._found(change.planned, walk.spans(number))))
            for number, change in enumerate(changes, 1)
        ]
        return tried, float(walk.held_us.min()) / (end_us - begin_us), len(old.told)

    def _found(self, planned: Planned, spans: NDArray[np.void]) -> Found:
        said = planned.definition
        key = said.quiet_states, said.quiet_under, said.only_in_shifts
        if key not in self._masks:
            self._masks[key] = read_mask(said, self._asset, self._from_us, self._to_us)
        return Found(spans, self._masks[key])


def _points(planned: Planned) -> list[int]:
    return sorted({each.point_id for each in planned.inputs.values()})
