"""What may enter the store, row by row."""

from __future__ import annotations

import numpy as np
import pytest

from forgeline.telemetry.sample import PointKind, SampleBatch
from forgeline.telemetry.screening import Limits, PointFacts, Reason, count_reasons, screen

LIMITS = Limits(oldest_us=1_000, newest_us=2_000)
NAN, INF = float("nan"), float("inf")


def _screen(
    value: float,
    *,
    kind: PointKind = PointKind.GAUGE,
    ts: int = 1_500,
    quality: int = 0,
    status: int = 0,
    text: str | None = None,
    known: bool = True,
    active: bool = True,
    valid: tuple[float, float] = (-10.0, 10.0),
) -> tuple[Reason, int]:
    batch = SampleBatch.from_columns([1], [ts], [value], quality=[quality], status=[status], text=[text])
    facts = PointFacts(
        np.array([known]),
        np.array([active]),
        np.array([kind], np.int8),
        np.array([valid[0]]),
        np.array([valid[1]]),
    )
    reasons, qualities = screen(batch, facts, LIMITS)
    return Reason(int(reasons[0])), int(qualities[0])


@pytest.mark.parametrize(
    ("value", "given", "reason"),
    [
        (1.5, {}, Reason.NONE),
        (NAN, {}, Reason.NOT_A_NUMBER),
        (NAN, {"quality": 1}, Reason.NOT_A_NUMBER),
        (NAN, {"quality": 2}, Reason.NONE),
        (INF, {}, Reason.INFINITE),
        (-INF, {"quality": 2}, Reason.INFINITE),
        (1, {"quality": 3}, Reason.INVALID_QUALITY),
        (1, {"quality": -1}, Reason.INVALID_QUALITY),
        (1, {"status": 2**32}, Reason.STATUS_OUT_OF_RANGE),
        (1, {"ts": 999}, Reason.TOO_OLD),
        (1, {"ts": 1_000}, Reason.NONE),
        (1, {"ts": 2_000}, Reason.NONE),
        (1, {"ts": 2_001}, Reason.CLOCK_SKEW),
        (1, {"known": False}, Reason.UNKNOWN_POINT),
        (1, {"active": False}, Reason.POINT_RETIRED),
        (2.0**53, {"kind": PointKind.COUNTER}, Reason.NONE),
        (2.0**53 + 2, {"kind": PointKind.COUNTER}, Reason.INTEGER_TOO_LARGE),
        (1e300, {}, Reason.NONE),
        (1e308, {"kind": PointKind.COUNTER}, Reason.INTEGER_TOO_LARGE),
        (3, {"kind": PointKind.STATE}, Reason.NONE),
        (3.5, {"kind": PointKind.STATE}, Reason.NOT_A_STATE),
        (1, {"kind": PointKind.BOOLEAN}, Reason.NONE),
        (2, {"kind": PointKind.BOOLEAN}, Reason.NOT_A_BOOLEAN),
        (NAN, {"kind": PointKind.TEXT, "text": "ready"}, Reason.NONE),
        (NAN, {"kind": PointKind.TEXT}, Reason.NO_TEXT),
        (NAN, {"kind": PointKind.TEXT, "quality": 2}, Reason.NONE),
        (NAN, {"kind": PointKind.TEXT, "text": "a\x00b"}, Reason.TEXT_NOT_STORABLE),
        (NAN, {"kind": PointKind.TEXT, "text": "\ud800"}, Reason.TEXT_NOT_STORABLE),
        (NAN, {"kind": PointKind.TEXT, "text": "x" * 4_001}, Reason.TEXT_TOO_LONG),
    ],
)
def test_each_row_gets_its_reason(value: float, given: dict, reason: Reason) -> None:
    assert _screen(value, **given)[0] is reason


def test_a_value_out_of_range_is_kept_as_uncertain() -> None:
    assert _screen(11.0) == (Reason.NONE, 1)
    assert _screen(-11.0, quality=2) == (Reason.NONE, 2)
    assert _screen(10.0) == (Reason.NONE, 0)


@pytest.mark.parametrize(
    ("value", "quality"),
    [(1e101, 1), (-1e101, 1), (5e-324, 1), (-1e-101, 1), (0.0, 0), (-0.0, 0), (1e100, 0)],
)
def test_what_no_measurement_is_is_kept_as_uncertain(value: float, quality: int) -> None:
    wide = {"valid": (-INF, INF)}
    assert _screen(value, **wide) == (Reason.NONE, quality)
    assert _screen(value, quality=2, **wide) == (Reason.NONE, 2)


def test_reasons_are_counted_by_key() -> None:
    reasons = np.array([0, 0, Reason.CLOCK_SKEW, Reason.TOO_OLD, Reason.CLOCK_SKEW], np.int8)
    assert count_reasons(reasons) == {"telemetry.clock_skew": 2, "telemetry.too_old": 1}
