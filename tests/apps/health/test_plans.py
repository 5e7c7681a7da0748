"""Plans: by the calendar, by use, by condition; one order a due; a counter that was reset."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from django.utils.translation import override

from apps.health import calc
from apps.health.models import MaintenancePlan, WorkOrder
from apps.health.services import plans
from apps.health.services.plans import make_due_orders
from forgeline.alarms.models import Alarm
from forgeline.base import clock
from forgeline.identity.policy import Actor, permissions_of
from forgeline.telemetry import ingest
from forgeline.telemetry.models import StateInterval
from forgeline.tenancy.scoping import tenant_scope
from tests.api.conftest import make_machine
from tests.apps.health.conftest import Api, api_of
from tests.conftest import Company
from tests.demoplant.house import until

HOUR = timedelta(hours=1)


def look() -> int:
    """Look at every plan at once, as the worker does after a while."""
    return make_due_orders(rest=timedelta(0))


@pytest.fixture(autouse=True)
def _fresh_ingest() -> Any:
    yield
    ingest.reset()


def _today() -> date:
    return clock.now().astimezone(ZoneInfo("Asia/Shanghai")).date()


def _plan(api: Api, machine: int, **facts: Any) -> dict[str, Any]:
    body = {"asset": machine, "name": "Grease", "trigger": "calendar", "every": 1, "every_unit": "month"}
    return api.post("maintenance-plans/", {**body, "first_on": str(_today()), "lead_days": 0, **facts})


def _orders(api: Api) -> list[dict[str, Any]]:
    return api.get("work-orders/")["results"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("first", "every", "unit", "after", "due"),
    [
        (date(2026, 1, 31), 1, "month", date(2026, 1, 31), date(2026, 2, 28)),
        (date(2026, 1, 31), 1, "month", date(2026, 2, 28), date(2026, 3, 31)),
        (date(2026, 1, 31), 3, "month", date(2026, 5, 1), date(2026, 7, 31)),
        (date(2026, 3, 2), 2, "week", date(2026, 3, 2), date(2026, 3, 16)),
        (date(2026, 3, 2), 2, "week", date(2026, 3, 15), date(2026, 3, 16)),
        (date(2026, 3, 2), 10, "day", date(2026, 3, 1), date(2026, 3, 2)),
        (date(2026, 3, 2), 10, "day", date(2026, 3, 12), date(2026, 3, 22)),
        (date(2024, 2, 29), 12, "month", date(2024, 2, 29), date(2025, 2, 28)),
    ],
)
def test_the_next_due_by_the_calendar(first: date, every: int, unit: str, after: date, due: date) -> None:
    assert calc.next_due_on(first, every, unit, after) == due


def test_a_due_is_foretold_by_the_recent_use() -> None:
    today = date(2026, 3, 2)
    assert calc.foretell_due(100, 8, today) == date(2026, 3, 15)
    assert calc.foretell_due(0, None, today) == today
    assert calc.foretell_due(100, 0, today) is None
    assert calc.foretell_due(1e6, 1, today) is None


def test_a_plan_of_today_makes_its_order_once_and_begins_its_next_turn_when_it_is_done(
    company: Company, api: Api, machine: int
) -> None:
    line = {"text": "Pressure", "kind": "value", "unit": "bar", "low": 2, "high": 4}
    plan = _plan(api, machine, checklist=[line])
    (order,) = _orders(api)
    assert (order["title"], order["state"], order["kind"], order["plan"]) == (
        "Grease",
        "approved",
        "preventive",
        plan["id"],
    )
    with tenant_scope(company.tenant_id):
        assert [look() for _ in range(3)] == [0, 0, 0]
    address = f"work-orders/{order['id']}/"
    (item,) = api.get(address)["items"]
    assert (item["text"], item["high"]) == ("Pressure", 4.0)
    api.post(f"{address}move/", {"to": "in_progress"})
    api.post(f"{address}answer/", {"item": item["id"], "value": 3})
    api.post(f"{address}move/", {"to": "done"})
    with tenant_scope(company.tenant_id):
        assert look() == 0
    after = api.get(f"maintenance-plans/{plan['id']}/")
    assert date.fromisoformat(after["due_on"]) == calc.next_due_on(_today(), 1, "month", _today())


def test_work_done_ahead_of_its_day_is_not_due_again_on_that_day(
    company: Company, api: Api, machine: int
) -> None:
    due = _today() + timedelta(days=3)
    plan = _plan(api, machine, every=1, every_unit="week", first_on=str(due), lead_days=3)
    (order,) = _orders(api)
    for step in ("in_progress", "done"):
        api.post(f"work-orders/{order['id']}/move/", {"to": step})
    assert api.get(f"maintenance-plans/{plan['id']}/")["due_on"] == str(due + timedelta(days=7))
    with tenant_scope(company.tenant_id):
        assert look() == 0


def test_a_due_on_a_day_off_waits_for_the_next_working_day(
    company: Company, api: Api, plant: int, machine: int
) -> None:
    api.post(
        f"plants/{plant}/shifts/",
        {"name": "Day", "starts_at": "08:00", "ends_at": "16:00", "weekdays": [1, 2, 3, 4, 5]},
    )
    saturday = _today() + timedelta(days=(5 - _today().weekday()) % 7 + 7)
    plan = _plan(api, machine, first_on=str(saturday))
    assert plan["due_on"] == str(saturday + timedelta(days=2))


def test_running_hours_fall_due_by_the_states_of_the_machine(
    company: Company, api: Api, machine: int
) -> None:
    now = clock.now()
    with tenant_scope(company.tenant_id):
        for days in range(1, 11):
            begun = now - timedelta(days=days)
            StateInterval.objects.create(
                asset_id=machine, state="running", started_at=begun, ended_at=begun + 8 * HOUR
            )
            StateInterval.objects.create(
                asset_id=machine, state="idle", started_at=begun + 8 * HOUR, ended_at=begun + 24 * HOUR
            )
    plan = _plan(api, machine, trigger="hours", every=100, every_unit="", first_on=None)
    assert plan["rate"] == pytest.approx(8.0, rel=0.01)
    assert plan["used"] == pytest.approx(0.0, abs=0.01)
    assert plan["due_on"] == str(_today() + timedelta(days=13))
    with tenant_scope(company.tenant_id):
        MaintenancePlan.objects.update(since=now - timedelta(days=10))
        assert look() == 0
    assert api.get(f"maintenance-plans/{plan['id']}/")["used"] == pytest.approx(80.0, abs=0.1)
    api.patch(f"maintenance-plans/{plan['id']}/", {"lead_days": 3})
    assert [order["title"] for order in _orders(api)] == ["Grease"]


def test_a_counter_that_was_reset_is_told_and_counts_on(live_company: Company) -> None:
    api = api_of(live_company.manager_key)
    made = make_machine(api.client)
    machine, point = made["machine"]["id"], made["points"]["parts_total"]["id"]
    plan = _plan(api, machine, trigger="count", point=point, every=1000, every_unit="", first_on=None)
    assert "Nothing came" in plan["remark"]
    now = clock.now().replace(minute=0, second=0, microsecond=0)

    def send(pairs: list[tuple[datetime, float]]) -> None:
        body = {
            "point": [point] * len(pairs), "ts": [int(at.timestamp() * 1000) for at, _value in pairs],
            "value": [value for _at, value in pairs],
        }  # fmt: skip
        assert api.post("samples/", body)["accepted"] == len(pairs)

    def used() -> float:
        """Look at the plan, and return what it has counted: roll-ups follow the samples within seconds."""
        with tenant_scope(live_company.tenant_id):
            look()
        return float(api.get(f"maintenance-plans/{plan['id']}/")["used"])

    with tenant_scope(live_company.tenant_id):
        MaintenancePlan.objects.update(since=now - 10 * HOUR)
    send([(now - 8 * HOUR + timedelta(minutes=n), 5000.0 + 10 * n) for n in range(0, 61, 5)])
    until(lambda: used() == 600.0)
    assert api.get(f"maintenance-plans/{plan['id']}/")["remark"] == ""
    send([(now - 6 * HOUR + timedelta(minutes=n), 5.0 * n) for n in range(0, 61, 5)])
    until(lambda: used() == pytest.approx(900.0, abs=1.0))
    assert "fell from 5,600 to 300" in api.get(f"maintenance-plans/{plan['id']}/")["remark"]
    assert api.post(f"maintenance-plans/{plan['id']}/confirm/")["remark"] == ""
    assert _orders(api) == []
    send([(now - 4 * HOUR + timedelta(minutes=n), 300.0 + 5 * n) for n in range(0, 61, 5)])
    until(lambda: used() >= 1100.0)
    used()
    assert len(_orders(api)) == 1


def test_an_alarm_makes_one_order_each_time_it_comes(company: Company, api: Api, machine: int) -> None:
    plan = _plan(
        api, machine, trigger="condition", every=None, every_unit="", first_on=None, alarm_key="bearing_hot"
    )
    assert (plan["due_on"], _orders(api)) == (None, [])
    assert (
        plan["rhythm"] == api.get("maintenance-plans/")["results"][0]["rhythm"] == "on the alarm Bearing hot"
    )

    def raised(at: datetime) -> None:
        us = clock.to_us(at)
        Alarm.objects.update_or_create(
            asset_id=machine, key="bearing_hot",
            defaults={"definition": {}, "since_us": us, "changed_us": us, "is_active": True, "raised_at": at},
        )  # fmt: skip

    with tenant_scope(company.tenant_id):
        raised(clock.now())
        assert [look(), look()] == [1, 0]
    (order,) = _orders(api)
    assert order["kind"] == "condition"
    for step in ("in_progress", "done"):
        api.post(f"work-orders/{order['id']}/move/", {"to": step})
    with tenant_scope(company.tenant_id):
        assert look() == 0
        raised(clock.now())
        assert look() == 1


def test_a_plan_looked_at_by_many_at_once_makes_one_order(live_company: Company) -> None:
    api = api_of(live_company.manager_key)
    machine = make_machine(api.client)["machine"]["id"]
    boss = Actor(live_company.tenant_id, "manager", label="A", permissions=permissions_of("manager"))
    with tenant_scope(live_company.tenant_id):
        plans.create_plan(
            asset_id=machine, name="Grease", trigger="calendar", every=1, every_unit="day", actor=boss,
            first_on=_today() + timedelta(days=9), lead_days=0,
        )  # fmt: skip
        MaintenancePlan.objects.update(first_on=_today())
    barrier = threading.Barrier(5)

    def look_at_once() -> None:
        barrier.wait()
        try:
            with tenant_scope(live_company.tenant_id):
                look()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=look_at_once) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with tenant_scope(live_company.tenant_id):
        assert WorkOrder.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"every": 1.5}, "every"),
        ({"every_unit": ""}, "every_unit"),
        ({"first_on": None}, "first_on"),
        ({"trigger": "count"}, "point"),
        ({"trigger": "condition"}, "alarm_key"),
        ({"checklist": [{"text": "x", "kind": "value", "low": 5, "high": 1}]}, "checklist"),
        ({"checklist": [{"text": "x", "sql": 1}]}, "checklist"),
        ({"checklist": [{"text": " "}]}, "checklist"),
    ],
)
def test_a_plan_that_cannot_fall_due_is_refused_at_its_field(
    api: Api, machine: int, wrong: dict[str, Any], field: str
) -> None:
    body = {
        "asset": machine,
        "name": "x",
        "trigger": "calendar",
        "every": 1,
        "every_unit": "day",
        "first_on": "2025-01-05",
    }
    refused = api.post("maintenance-plans/", {**body, **wrong}, status=400)
    assert list(refused["data"]["fields"]) == [field]
    assert api.get("maintenance-plans/")["results"] == []


def test_a_measurement_is_no_counter(api: Api, made: dict[str, Any], machine: int) -> None:
    body = {
        "asset": machine,
        "name": "x",
        "trigger": "count",
        "every": 5,
        "point": made["points"]["power"]["id"],
    }
    assert "does not add up" in api.post("maintenance-plans/", body, status=400)["title"]


def test_a_profile_proposes_plans_that_are_made_once(api: Api, machine: int) -> None:
    adopted = api.post("maintenance-plans/adopt/", {"asset": machine})
    assert len(adopted) == 4
    assert {plan["trigger"] for plan in adopted} == {"calendar", "hours", "count", "condition"}
    assert api.post("maintenance-plans/adopt/", {"asset": machine}) == []


def test_a_changed_rhythm_counts_from_now(company: Company, api: Api, machine: int) -> None:
    plan = _plan(api, machine, first_on=str(_today() + timedelta(days=20)))
    with tenant_scope(company.tenant_id):
        MaintenancePlan.objects.update(since=datetime(2025, 1, 1, tzinfo=UTC))
    same = api.patch(f"maintenance-plans/{plan['id']}/", {"name": "Grease well"})
    assert same["since"].startswith("2025-01-01")
    assert api.patch(f"maintenance-plans/{plan['id']}/", {"every": 2})["since"] > plan["since"]
    api.delete(f"maintenance-plans/{plan['id']}/")
    assert api.get("maintenance-plans/")["results"] == []


def test_an_order_of_a_plan_is_called_as_each_reader_calls_it_until_somebody_changes_its_title(
    company: Company, api: Api, machine: int
) -> None:
    names = {"en": "Grease", "zh-hans": "加注润滑脂"}
    _plan(api, machine, names=names)
    [row] = _orders(api)
    assert (row["title"], row["titles"]) == ("Grease", names)
    with tenant_scope(company.tenant_id), override("zh-hans"):
        assert WorkOrder.objects.get(pk=row["id"]).heading == "加注润滑脂"
    found = api.get("work-orders/?search=润滑脂")["results"]
    assert [each["id"] for each in found] == [row["id"]]
    assert api.patch(f"work-orders/{row['id']}/", {"title": "Grease", "due_at": None})["titles"] == names
    assert api.patch(f"work-orders/{row['id']}/", {"title": "Grease both"})["titles"] == {}
    api.patch(f"work-orders/{row['id']}/", {"titles": {"en": 5 * ["x"]}}, status=400)
