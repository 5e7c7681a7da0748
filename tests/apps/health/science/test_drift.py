"""Drift of a feature against its training span."""

from __future__ import annotations

import numpy as np
import pytest

from apps.health.science.drift import Drift, DriftReport, watch_drift
from apps.health.science.evidence import NotEnough

OLD = np.random.default_rng(1).normal(size=2000)


@pytest.mark.parametrize(
    ("shift", "scale", "expected"),
    [
        (0.0, 1.0, Drift.STABLE),
        (0.4, 1.0, Drift.SHIFTING),
        (2.0, 1.0, Drift.DRIFTED),
        (0.0, 3.0, Drift.DRIFTED),
    ],
)
def test_drift_is_told_by_its_size(shift, scale, expected) -> None:
    found = watch_drift(OLD, np.random.default_rng(2).normal(shift, scale, 2000))
    assert isinstance(found, DriftReport)
    assert found.drift is expected


def test_the_index_of_two_known_distributions() -> None:
    """Half of the mass moves from below the median to above: Σ (q − p)·ln(q/p) by hand, with bins of a half."""
    old, new = np.tile([0.0, 1.0], 500), np.repeat([0.0, 1.0], [250, 750])
    found = watch_drift(old, new, bins=2)
    assert isinstance(found, DriftReport)
    assert found.distance == pytest.approx(0.25)
    assert found.stability == pytest.approx(0.25 * np.log(1.5) - 0.25 * np.log(0.5), rel=0.01)
    assert found.outside == 0


def test_rows_that_hang_together_count_less() -> None:
    assert isinstance(watch_drift(OLD, OLD[:500], hang_together=60), NotEnough)
