"""Stored samples for rules that walk through time, a piece at a time, so that memory stays small.

Not here: judging them (walk), which rules are walked (machine, analysis).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from forgeline.alarms.judging.book import Planned
from forgeline.alarms.judging.columns import NEVER
from forgeline.alarms.judging.signals import Samples
from forgeline.alarms.trying.findings import DAY_US
from forgeline.alarms.trying.walk import NO_SAMPLES, Walk, join
from forgeline.telemetry import queries
from forgeline.telemetry.sample import Quality

MOST_AT_ONCE = 300_000
"""Samples of one piece, about: that bounds the memory, whatever is tried."""
MOST_BACK_US = 7 * DAY_US
"""A rule over several points sees no further back than this when it begins."""


def expect_samples(rules: Iterable[Planned], days: float) -> float:
    """Return about how many samples the rules read in so many days."""
    interval_s = {each.point_id: each.interval_s for rule in rules for each in rule.inputs.values()}
    return days * sum(86_400 / max(each, 0.001) for each in interval_s.values())


def piece_us(rules: Iterable[Planned]) -> int:
    """Return the length of a piece: a day, or so much of it as is not too much at once."""
    return DAY_US // max(1, min(1440, math.ceil(expect_samples(rules, 1) / MOST_AT_ONCE)))


def begin(walk: Walk) -> None:
    """Stand where rules stand that are published at the begin of the walk."""
    points = walk.book.point_ids.tolist()
    last = queries.read_last_before(points, walk.from_us)
    good = [
        row
        for _point, row in sorted(last.items())
        if row.quality == Quality.GOOD and isinstance(row.value, float) and row.value == row.value
    ]
    seen = Samples(
        np.array([row.point_id for row in good], np.int32),
        np.array([row.ts_us for row in good], np.int64),
        np.array([row.value for row in good], np.float64),
    )
    _points, after_us = walk.begin(seen)
    known_us = after_us[after_us != NEVER]
    since_us = max(int(known_us.min(initial=walk.from_us)), walk.from_us - MOST_BACK_US)
    before = read_good(points, since_us, walk.from_us) if since_us < walk.from_us else NO_SAMPLES
    walk.carry(join(before, seen))


def feed(walk: Walk, until_us: int) -> None:
    """Walk on up to ``until_us``."""
    walk.step(read_good(walk.book.point_ids.tolist(), walk.until_us, until_us), until_us)


def read_good(points: Sequence[int], from_us: int, to_us: int) -> Samples:
    """Return the good samples of ``[from, to)``."""
    news = queries.read_columns(points, from_us, to_us)
    good = (news.quality == Quality.GOOD) & ~np.isnan(news.value)
    return Samples(news.point_id[good], news.ts_us[good], news.value[good])
