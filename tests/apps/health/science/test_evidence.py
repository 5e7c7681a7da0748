"""The gate: enough, or which reason."""

from __future__ import annotations

import numpy as np
import pytest

from apps.health.science.evidence import Evidence, Gate, NotEnough, Reason, weigh_evidence

MINUTES = np.arange(100) * 60.0


def test_a_full_hour_is_evidence() -> None:
    found = weigh_evidence(MINUTES, np.ones(100), 60, Gate(samples=50, span_s=3600))
    assert found == Evidence(samples=100, span_s=5940.0, coverage=1.0, jumps=0)


@pytest.mark.parametrize(
    ("ts_s", "values", "gate", "reason"),
    [
        (MINUTES[:5], np.ones(5), Gate(), Reason.TOO_FEW_SAMPLES),
        (MINUTES, np.full(100, np.nan), Gate(), Reason.TOO_FEW_SAMPLES),
        (MINUTES, np.ones(100), Gate(span_s=7200), Reason.TOO_SHORT),
        (np.append(MINUTES, 100_000.0), np.ones(101), Gate(), Reason.TOO_MANY_GAPS),
        (np.concatenate([MINUTES, MINUTES]), np.ones(200), Gate(), Reason.CLOCK_JUMPS),
    ],
)
def test_what_is_missing_has_a_reason(ts_s, values, gate, reason) -> None:
    found = weigh_evidence(ts_s, values, 60, gate)
    assert isinstance(found, NotEnough)
    assert found.reason is reason


def test_holes_of_nan_are_gaps() -> None:
    values = np.ones(100)
    values[30:90] = np.nan
    found = weigh_evidence(MINUTES, values, 60)
    assert isinstance(found, NotEnough)
    assert found.reason is Reason.TOO_MANY_GAPS
    assert found.data["coverage"] == pytest.approx(39 / 99)
