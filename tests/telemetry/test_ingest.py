"""The write door as its callers see it: counts, observers, points that change, a store that is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.db import connections

from forgeline.assets.models import Point
from forgeline.base.clock import now, now_us
from forgeline.base.errors import UnavailableError
from forgeline.telemetry import ingest, queries
from forgeline.telemetry.engines import copy
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests.telemetry.conftest import Plant, make_plant

SECOND = 1_000_000


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch) -> list[ingest.StoredBatch]:
    """What observers are told."""
    told: list[ingest.StoredBatch] = []
    monkeypatch.setattr(ingest, "_observers", [told.append])
    return told


def test_a_batch_is_counted_row_by_row(plant: Plant, observed: list[ingest.StoredBatch]) -> None:
    point = plant.add_point("p", valid_min=0, valid_max=10)
    at = now_us()
    batch = SampleBatch.from_columns(
        [point, 999_999, point, point, point],
        [at, at, at - SECOND, at + 600 * SECOND, at - 2],
        [1, 1, 50, 1, float("inf")],
    )
    result = ingest.ingest_batch(batch)
    assert (result.accepted, result.inserted, result.late) == (2, 2, 0)
    assert result.rejected == {
        "telemetry.unknown_point": 1, "telemetry.clock_skew": 1, "telemetry.infinite": 1
    }  # fmt: skip
    assert result.list_rejected() == [
        (1, "telemetry.unknown_point"), (3, "telemetry.clock_skew"), (4, "telemetry.infinite")
    ]  # fmt: skip
    [stored] = observed
    assert stored.rows.ts_us.tolist() == [at - SECOND, at]
    assert stored.rows.quality.tolist() == [1, 0]
    assert stored.is_last.tolist() == [False, True]
    assert stored.asset_id.tolist() == [plant.machine.pk] * 2
    late = ingest.ingest_batch(SampleBatch.from_columns([point], [at - 5 * SECOND], [1]))
    assert late.late_rows is not None
    assert late.late_rows.tolist() == [True]
    assert observed[-1].is_last.tolist() == [False]


def test_an_observer_that_fails_harms_nobody(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, observed: list[ingest.StoredBatch]
) -> None:
    def fail(stored: ingest.StoredBatch) -> None:
        raise RuntimeError("no luck")

    monkeypatch.setattr(ingest, "_observers", [fail, observed.append])
    point = plant.add_point("p")
    assert ingest.ingest_batch(SampleBatch.from_columns([point], [now_us()], [1])).inserted == 1
    assert len(observed) == 1


def test_an_empty_batch_is_nothing(plant: Plant) -> None:
    assert ingest.ingest_batch(SampleBatch.from_columns([], [], [])).accepted == 0


def test_a_store_that_is_away_is_told_and_forgotten(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    point = plant.add_point("p")
    batch = SampleBatch.from_columns([point], [now_us()], [1])
    ingest.ingest_batch(batch)
    connections["ingest"].close()
    settings = connections["ingest"].settings_dict
    monkeypatch.setitem(settings, "PORT", "1")
    later = SampleBatch.from_columns([point], [now_us()], [2])
    with pytest.raises(UnavailableError) as told:
        ingest.ingest_batch(later)
    assert told.value.key == "telemetry.store_away"
    monkeypatch.undo()
    assert ingest.ingest_batch(later).inserted == 1


def _until(is_true: Callable[[], bool], *, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def test_what_follows_by_time_needs_no_call(live_db: None) -> None:
    """With the thread running: latest values appear, and a point retired on a page is refused soon after."""
    ingest.reset()
    plant = make_plant("Alice")
    point = plant.add_point("p")
    at = now_us()
    ingest.ingest_batch(SampleBatch.from_columns([point], [at], [42.0]))

    def latest() -> Any:
        with tenant_scope(plant.tenant_id):
            return queries.read_latest([point]).get(point)

    _until(lambda: latest() is not None)
    assert latest().value == 42.0
    with tenant_scope(plant.tenant_id):
        Point.objects.filter(pk=point).update(retired_at=now())
    again = SampleBatch.from_columns([point], [at + 1], [43.0])
    _until(lambda: "telemetry.point_retired" in ingest.ingest_batch(again).rejected)
    ingest.close()


def test_copy_and_back() -> None:
    columns = {
        "point_id": np.array([1, 2], np.int32), "ts": np.array([0, 2**50], np.int64),
        "value": np.array([0.5, -1.0]), "quality": np.array([0, 2], np.int16),
    }  # fmt: skip
    layout = {"point_id": "i4", "ts": "i8", "value": "f8", "quality": "i2"}
    decoded = copy.decode_rows(copy.encode_rows(columns), layout)
    for name, column in columns.items():
        assert decoded[name].tolist() == column.tolist()
    holed = copy.encode_rows(columns, nulls={"value": np.array([False, True])})
    assert len(holed) == len(copy.encode_rows(columns)) - 8
    with pytest.raises(ValueError, match="promised shape"):
        copy.decode_rows(holed, layout)
