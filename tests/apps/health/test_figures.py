"""MTBF, MTTR, availability, planned share and cost, against figures worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from apps.health import calc
from apps.health.calc import HOUR_US
from apps.health.models import WorkOrder
from forgeline.base import clock
from forgeline.telemetry.models import StateInterval
from forgeline.tenancy.scoping import tenant_scope
from tests.apps.health.conftest import Api
from tests.conftest import Company

SPAN = st.tuples(st.integers(0, 500), st.integers(0, 500))


def _hours(*pairs: tuple[float, float]) -> calc.Spans:
    return calc.spans_of([(round(a * HOUR_US), round(b * HOUR_US)) for a, b in pairs])


def test_figures_of_a_week_worked_out_by_hand() -> None:
    """Ran 100 h; stood [10, 12) and [50, 54) by failures, [80, 82) for a service."""
    failures, service = _hours((10, 12), (50, 54)), _hours((80, 82))
    stops = np.concatenate([failures, service])
    found = calc.reckon_reliability(failures, stops, 100 * HOUR_US, 0, 168 * HOUR_US, now_us=168 * HOUR_US)
    assert (found.failures, found.mtbf_h, found.mttr_h) == (2, 50.0, 3.0)
    assert (found.operating_h, found.down_h) == (100.0, 8.0)
    assert found.availability == pytest.approx(100 / 108)


def test_a_failure_belongs_to_the_span_in_which_it_began() -> None:
    failures = _hours((5, 15), (20, 30))
    early = calc.reckon_reliability(failures, failures, 0, 0, 20 * HOUR_US, now_us=99 * HOUR_US)
    assert (early.failures, early.down_h, early.mttr_h) == (1, 10.0, 10.0)
    late = calc.reckon_reliability(failures, failures, 0, 10 * HOUR_US, 30 * HOUR_US, now_us=99 * HOUR_US)
    # The first reaches into the span as downtime; it began before it.
    assert (late.failures, late.down_h) == (1, 15.0)


def test_what_is_not_restored_is_a_failure_and_no_repair() -> None:
    failures = _hours((10, 12), (15, 20))
    found = calc.reckon_reliability(failures, failures, 15 * HOUR_US, 0, 20 * HOUR_US, now_us=20 * HOUR_US)
    assert (found.failures, found.mttr_h, found.down_h) == (2, 2.0, 7.0)


def test_a_machine_that_never_failed_has_no_mtbf_and_one_that_never_ran_no_availability() -> None:
    none = calc.spans_of([])
    found = calc.reckon_reliability(none, none, 0, 0, HOUR_US, now_us=HOUR_US)
    assert (found.mtbf_h, found.mttr_h, found.availability) == (None, None, None)
    assert calc.share(0, 0) is None
    assert calc.share(3, 1) == 0.75


@given(st.lists(SPAN, max_size=12))
def test_the_union_of_spans_is_as_long_as_the_instants_in_any_of_them(pairs: list[tuple[int, int]]) -> None:
    instants = {n for a, b in pairs for n in range(a, b)}
    assert calc.measure(calc.spans_of(pairs)) == len(instants)


@given(st.lists(SPAN, max_size=8), SPAN)
def test_what_is_clipped_lies_within(pairs: list[tuple[int, int]], span: tuple[int, int]) -> None:
    low, high = sorted(span)
    cut = calc.clip(calc.spans_of(pairs), low, high)
    assert calc.measure(cut) == len({n for a, b in pairs for n in range(a, b) if low <= n < high})


# --- over the API, with states and orders as a plant has them ---


def _done(api: Api, machine: int, begun: datetime, hours: float, **facts: Any) -> int:
    row = api.post("work-orders/", {"asset": machine, "title": "x", "down_from": begun.isoformat(), **facts})
    for step in ("approved", "in_progress"):
        api.post(f"work-orders/{row['id']}/move/", {"to": step})
    address = f"work-orders/{row['id']}/"
    api.patch(address, {"down_to": (begun + timedelta(hours=hours)).isoformat(), "external_cost": "100.00"})
    api.post(f"{address}labour/", {"minutes": 60})
    api.post(f"{address}move/", {"to": "done"})
    return int(row["id"])


def test_figures_of_a_machine_by_its_states_and_orders(company: Company, api: Api, machine: int) -> None:
    api.patch("maintenance-terms/", {"labour_rate": "80", "currency": "CNY"})
    service = api.post("downtime-reasons/", {"name": "Service", "is_planned": True})["id"]
    begin = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=9)
    with tenant_scope(company.tenant_id):
        # Nine days without a gap: 20 h running, 4 h idle each.
        for day in range(9):
            at = begin + timedelta(days=day)
            middle = at + timedelta(hours=20)
            StateInterval.objects.create(asset_id=machine, state="running", started_at=at, ended_at=middle)
            StateInterval.objects.create(
                asset_id=machine, state="idle", started_at=middle, ended_at=at + timedelta(days=1)
            )
    _done(api, machine, begin + timedelta(hours=20), 2)
    _done(api, machine, begin + timedelta(days=3, hours=20), 4)
    planned = _done(api, machine, begin + timedelta(days=5, hours=20), 3, kind="preventive")
    api.patch(f"work-orders/{planned}/", {"downtime_reason": service})
    until = begin + timedelta(days=9)
    query = {"asset": machine, "since": begin.isoformat(), "until": (until + timedelta(hours=2)).isoformat()}
    (row,) = api.get("maintenance-kpis/", **query)["machines"]
    assert row["is_by_state"] is True
    assert (row["failures"], row["operating_h"], row["down_h"]) == (2, 180.0, 9.0)
    assert (row["mtbf_h"], row["mttr_h"]) == (90.0, 3.0)
    assert row["availability"] == pytest.approx(180 / 189)
    assert (row["orders"], row["planned"], row["cost"]) == (3, 1, 540.0)
    assert (row["planned_share"], row["planned_hours_share"]) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    answer = api.get("maintenance-kpis/", **query)
    assert answer["reasons"] == {"": 6.0, "Service": 3.0}
    assert sum(month["cost"] for month in answer["months"]) == 540.0


def test_a_machine_without_states_is_reckoned_by_its_shifts(api: Api, plant: int, machine: int) -> None:
    shift = {"name": "D", "starts_at": "08:00", "ends_at": "16:00", "weekdays": list(range(1, 8))}
    api.post(f"plants/{plant}/shifts/", shift)
    query = {"asset": machine, "since": "2025-03-01T16:00:00Z", "until": "2025-03-11T16:00:00Z"}
    (row,) = api.get("maintenance-kpis/", **query)["machines"]
    assert (row["is_by_state"], row["operating_h"], row["availability"]) == (False, 80.0, 1.0)
    assert (row["mtbf_h"], row["mttr_h"], row["planned_share"]) == (None, None, None)


@pytest.mark.parametrize(
    "query",
    [{"since": "2020-01-01T00:00:00Z"}, {"until": "0001-01-01T00:00:00Z"}, {"since": "x"}, {"asset": "x"}],
)
def test_spans_without_sense_are_refused(api: Api, query: dict[str, str]) -> None:
    assert api.get("maintenance-kpis/", 400, **query)["key"] == "base.invalid_input"


def test_history_is_counted_where_it_was_done(company: Company, api: Api, machine: int) -> None:
    with tenant_scope(company.tenant_id):
        assert WorkOrder.objects.count() == 0
    text = (
        "machine,title,kind,state,created_at,done_at,down_from,down_to,labour_minutes\n"
        "Press 1,Old bearing,corrective,verified,2025-03-02T00:00:00Z,2025-03-02T06:00:00Z,2025-03-02T00:00:00Z,"
        "2025-03-02T05:00:00Z,120\n"
    )
    assert api.post("maintenance-csv/", {"what": "work-orders", "csv": text})["made"] == 1
    query = {"asset": machine, "since": "2025-03-01T00:00:00Z", "until": "2025-03-08T00:00:00Z"}
    (row,) = api.get("maintenance-kpis/", **query)["machines"]
    assert (row["failures"], row["mttr_h"], row["orders"]) == (1, 5.0, 1)
    assert datetime(2025, 3, 2, tzinfo=UTC) < clock.now()
