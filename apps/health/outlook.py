"""How long until a machine's points meet their limits: which limits, the line to each, its proof by time. Pure.

Not here: where hours and limits come from (services/outlook), what is done about it (services/advisories).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.health.science.evidence import NotEnough, Reason
from apps.health.science.trend import TimeToLimit, estimate_time_to_limit, score_line

Floats = NDArray[np.float64]
HOLD_S = 7200.0
"""An hour's level stands until the next one, at most two hours."""
NEAR_S = 30 * 86_400.0
"""A limit that is farther away takes nothing off the index."""
NEARLY = 0.15
"""Where nothing says from where on a value is high, the last part before its limit is."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of a point: its value, and who says so (``H``, ``HH``, ``L``, ``LL``, ``profile``)."""

    value: float
    name: str


@dataclass(frozen=True, slots=True)
class Bound:
    """The limits of a point in one direction, the nearest first."""

    point_id: int
    is_upper: bool
    limits: tuple[Limit, ...]

    def severity(self, level: float) -> float:
        """Return how near a level stands to the farthest limit: 0 up to the nearest one, 1 at the farthest.

        With a single limit the last seventh before it counts, so that it is not reached without a word.
        """
        near, far = self.limits[0].value, self.limits[-1].value
        if near == far:
            near = far - (NEARLY if self.is_upper else -NEARLY) * abs(far)
        return float(np.clip((level - near) / (far - near), 0.0, 1.0)) if far != near else float(level >= far)


def gather_bounds(found: Sequence[tuple[int, bool, Limit]]) -> list[Bound]:
    """Return the limits by point and direction, each value once, the nearest first."""
    ways: dict[tuple[int, bool], dict[float, Limit]] = {}
    for point_id, is_upper, limit in found:
        ways.setdefault((point_id, is_upper), {}).setdefault(limit.value, limit)
    return [
        Bound(
            point_id,
            is_upper,
            tuple(sorted(limits.values(), key=lambda limit: limit.value if is_upper else -limit.value)),
        )
        for (point_id, is_upper), limits in sorted(ways.items())
    ]


def lay_trend(ts_s: Floats, levels: Floats, bound: Bound) -> dict[str, Any]:
    """Say when a point meets its limit: the nearest that its line has not passed, else the last; or why nobody can.

    **Shape** hours by time with their levels. **Units** seconds from the last level; the point's own unit. **Gaps**
    NaN is no level. A line that was farther off on the last quarter of the time than standing still is no answer.
    """
    for limit in bound.limits:
        told = estimate_time_to_limit(
            ts_s, levels, limit.value, rising=bound.is_upper, hold_s=HOLD_S, seed=bound.point_id
        )
        if isinstance(told, NotEnough) or told.expected_s > 0:
            break
    answer: dict[str, Any] = {
        "point": bound.point_id, "limit": limit.value, "level": limit.name, "is_upper": bound.is_upper,
    }  # fmt: skip
    if isinstance(told, TimeToLimit) and told.expected_s > 0:
        proof = score_line(ts_s, levels)
        if isinstance(proof, NotEnough):
            told = proof
        elif not proof.is_better:
            told = NotEnough(Reason.NOT_PREDICTABLE, {"error": proof.error, "still": proof.still})
        else:
            answer |= {"error": proof.error, "still": proof.still}
    if isinstance(told, NotEnough):
        data = {name: float(value) for name, value in told.data.items() if np.isfinite(value)}
        return answer | {"reason": told.reason.value, "data": data}
    known = ts_s[np.isfinite(levels)]
    return answer | {
        "expected_s": told.expected_s, "low_s": told.low_s,
        "high_s": told.high_s if np.isfinite(told.high_s) else None,
        "stands": told.level, "at_s": float(known[-1]), "from_s": float(known[0]), "slope_per_s": told.slope_per_s,
        "slope_low_per_s": told.slope_low_per_s, "slope_high_per_s": told.slope_high_per_s,
    }  # fmt: skip


def severity_of(trend: dict[str, Any]) -> float:
    """Return what a way to a limit weighs in the index: 0 from a month on, 1 at the limit."""
    return max(0.0, 1.0 - float(trend["expected_s"]) / NEAR_S)
