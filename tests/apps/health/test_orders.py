"""Work orders: legal steps alone, once each; checklists, labour and parts with their cost."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction

from apps.health.models import OrderEntry, PartUse, SparePart, StockMove, WorkOrder
from apps.health.rules import STEPS
from apps.health.services import booking, orders, steps
from forgeline.base import clock
from forgeline.base.errors import ConflictError
from forgeline.identity.policy import Actor, permissions_of
from forgeline.tenancy.scoping import tenant_scope
from tests.api.conftest import make_machine
from tests.apps.health.conftest import Api, Order, api_of
from tests.conftest import Company


def test_an_order_goes_from_request_to_verified_and_its_journal_says_by_whom(
    api: Api, new_order: Order
) -> None:
    row = new_order("verified", text="At the main seal", priority="high")
    assert (row["number"], row["state"], row["requested_by"]) == (1, "verified", "manager")
    steps_ = [(each["from_state"], each["to_state"]) for each in row["journal"]]
    assert steps_ == [
        ("", "requested"), ("requested", "approved"), ("approved", "planned"), ("planned", "in_progress"),
        ("in_progress", "done"), ("done", "verified"),
    ]  # fmt: skip
    assert row["started_at"] <= row["done_at"] <= row["verified_at"]
    assert new_order()["number"] == 2
    refused = api.patch(f"work-orders/{row['id']}/", {"remedy": "x"}, status=409)
    assert refused["key"] == "health.order_closed"


@pytest.mark.parametrize("state", ["requested", "approved", "planned", "in_progress", "done", "verified"])
def test_no_step_is_taken_that_is_not_legal(api: Api, new_order: Order, state: str) -> None:
    row = new_order(state)
    for to in sorted(set(STEPS) - set(STEPS[state])):
        refused = api.post(f"work-orders/{row['id']}/move/", {"to": to}, status=409)
        assert refused["key"] == "health.illegal_step"
        assert refused["data"] == {"state": state, "allowed": list(STEPS[state])}
    after = api.get(f"work-orders/{row['id']}/")
    assert (after["state"], after["journal"]) == (state, row["journal"])


def test_each_step_takes_its_permission(company: Company, api: Api, machine: int) -> None:
    keys = {
        role: api_of(api.post("api-keys/", {"name": role, "role": role})["key"])
        for role in ("operator", "maintenance", "engineer")
    }
    row = keys["operator"].post("work-orders/", {"asset": machine, "title": "It rattles"})
    address = f"work-orders/{row['id']}/move/"
    refused = keys["operator"].post(address, {"to": "approved"}, status=403)
    assert refused["data"] == {"permission": "health.plan"}
    keys["maintenance"].post(address, {"to": "approved"})
    keys["operator"].post(address, {"to": "in_progress"})
    keys["operator"].post(address, {"to": "done", "text": "Tightened a screw"})
    keys["operator"].post(address, {"to": "verified"}, status=403)
    keys["engineer"].post(address, {"to": "verified"})
    api_of(company.viewer_key).post("work-orders/", {"asset": machine, "title": "x"}, status=403)
    for program in (keys["maintenance"], keys["engineer"]):
        program.post("downtime-reasons/", {"name": "Tool"}, status=403)


def test_a_measurement_beyond_its_limits_opens_one_order_that_follows(
    company: Company, api: Api, machine: int, boss: Actor
) -> None:
    from apps.health.rules import Line

    lines = [Line("Look for leaks"), Line("Oil pressure", "value", "bar", 2.0, 4.0, opens_follow_up=True)]
    with tenant_scope(company.tenant_id):
        order = orders.make_order(
            asset_id=machine, title="Monthly", by="x", state="in_progress", kind="preventive", lines=lines
        )
    row = api.get(f"work-orders/{order.pk}/")
    look, pressure = (item["id"] for item in row["items"])
    refused = api.post(f"work-orders/{order.pk}/move/", {"to": "done"}, status=409)
    assert (refused["key"], refused["data"]) == ("health.checklist_open", {"open": 2})
    address = f"work-orders/{order.pk}/answer/"
    api.post(address, {"item": look, "value": 3}, status=400)
    api.post(address, {"item": pressure, "result": "ok"}, status=400)
    api.post(address, {"item": look, "result": "ok"})
    api.post(address, {"item": pressure, "value": 4.0})
    for value in (1.5, 1.4):
        row = api.post(address, {"item": pressure, "value": value, "note": "pump hums"})
    item = row["items"][1]
    assert (item["result"], item["value"]) == ("not_ok", 1.4)
    follow_up = api.get(f"work-orders/{item['follow_up']}/")
    assert (follow_up["title"], follow_up["follows"], follow_up["state"]) == (
        "Oil pressure",
        order.pk,
        "requested",
    )
    assert "1.5 bar" in follow_up["text"]
    assert len(api.get("work-orders/")["results"]) == 2
    assert api.post(f"work-orders/{order.pk}/move/", {"to": "done"})["state"] == "done"


def test_labour_and_parts_make_the_cost(api: Api, plant: int, new_order: Order) -> None:
    api.patch("maintenance-terms/", {"labour_rate": "120.00", "currency": "cny"})
    part = api.post(
        "spare-parts/",
        {"plant": plant, "number": "S-1", "name": "Seal", "stock": "3", "minimum": "2", "unit_cost": "45.50"},
    )
    row = new_order("in_progress")
    address = f"work-orders/{row['id']}/"
    api.post(f"{address}labour/", {"minutes": 50, "person": "Wang"})
    api.patch("maintenance-terms/", {"labour_rate": "999"})
    row = api.post(f"{address}parts/", {"part": part["id"], "quantity": "2"})
    row = api.patch(address, {"external_cost": "10.00"})
    assert (row["labour_minutes"], row["labour_cost"], row["parts_cost"]) == (50, "100.00", "91.00")
    assert api.get(f"spare-parts/{part['id']}/")["is_low"] is True
    refused = api.post(f"{address}parts/", {"part": part["id"], "quantity": "2"}, status=409)
    assert (refused["key"], refused["data"]["stock"]) == ("health.stock_too_low", 1.0)
    row = api.post(f"{address}put_back/", {"use": row["parts"][0]["id"]})
    assert (row["parts"], row["parts_cost"]) == ([], "0.00")
    moves = api.get(f"spare-parts/{part['id']}/moves/")
    assert [(move["kind"], Decimal(move["stock_after"])) for move in moves] == [
        ("return", 3), ("issue", 1), ("receipt", 3),
    ]  # fmt: skip
    assert api.get("maintenance-terms/")["currency"] == "CNY"


def test_the_machine_runs_again_when_the_order_is_done(api: Api, new_order: Order) -> None:
    begun = clock.now() - timedelta(days=20)
    row = new_order("done", down_from=begun.isoformat())
    assert row["down_to"] == row["done_at"]
    other = new_order("in_progress", down_from=begun.isoformat())
    earlier = {"down_to": (begun - timedelta(hours=1)).isoformat()}
    refused = api.patch(f"work-orders/{other['id']}/", earlier, status=400)
    assert "before it stood still" in refused["title"]
    api.patch(f"work-orders/{other['id']}/", {"down_from": "2999-01-01T00:00:00Z"}, status=400)
    slip = {"down_from": (begun - timedelta(days=366)).isoformat()}
    assert "look at the year" in api.patch(f"work-orders/{other['id']}/", slip, status=400)["title"]


def test_the_database_itself_refuses_a_stock_below_zero(company: Company, api: Api, plant: int) -> None:
    part = api.post("spare-parts/", {"plant": plant, "number": "S-1", "name": "Seal", "stock": "1"})
    with tenant_scope(company.tenant_id), pytest.raises(IntegrityError), transaction.atomic():
        SparePart.objects.filter(pk=part["id"]).update(stock=-1)
    with tenant_scope(company.tenant_id):
        assert SparePart.objects.get(pk=part["id"]).stock == 1


def test_a_stock_is_counted_received_and_taken(api: Api, plant: int) -> None:
    part = api.post("spare-parts/", {"plant": plant, "number": "S-1", "name": "Seal", "stock": "5"})
    address = f"spare-parts/{part['id']}/book/"
    assert Decimal(api.post(address, {"kind": "count", "quantity": "3.5"})["stock"]) == Decimal("3.5")
    assert Decimal(api.post(address, {"kind": "receipt", "quantity": "2"})["stock"]) == Decimal("5.5")
    refused = api.post(address, {"kind": "issue", "quantity": "6"}, status=409)
    assert refused["key"] == "health.stock_too_low"
    for kind, quantity in (("count", "-1"), ("receipt", "0"), ("issue", "-2"), ("return", "1")):
        api.post(address, {"kind": kind, "quantity": quantity}, status=400)
    assert Decimal(api.get(f"spare-parts/{part['id']}/")["stock"]) == Decimal("5.5")
    api.patch(f"spare-parts/{part['id']}/", {"stock": "9"}, status=400)


# --- at once, on connections of their own -------------------------------------------------------------------------


def _boss(company: Company) -> Actor:
    return Actor(company.tenant_id, "manager", label="Alice", permissions=permissions_of("manager"))


def _at_once(company: Company, deed: Any, count: int) -> list[Any]:
    """Run a deed in threads that begin together; return what each came to."""
    barrier, results = threading.Barrier(count), []

    def run() -> None:
        barrier.wait()
        try:
            with tenant_scope(company.tenant_id):
                results.append(deed())
        except ConflictError as error:
            results.append(error.key)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _live_order(company: Company) -> tuple[int, int]:
    machine = make_machine(api_of(company.manager_key).client)
    with tenant_scope(company.tenant_id):
        row = orders.make_order(asset_id=machine["machine"]["id"], title="x", by="x", state="in_progress")
    return row.pk, machine["plant"]["id"]


def test_closing_twice_at_once_closes_once(live_company: Company) -> None:
    pk, _plant = _live_order(live_company)
    boss = _boss(live_company)
    results = _at_once(live_company, lambda: steps.move_order(pk, "done", actor=boss).state, 6)
    assert sorted(results) == ["done"] + ["health.illegal_step"] * 5
    with tenant_scope(live_company.tenant_id):
        assert OrderEntry.objects.filter(work_order_id=pk, to_state="done").count() == 1


def test_of_many_who_take_the_last_parts_at_once_as_many_get_them_as_there_are(live_company: Company) -> None:
    pk, plant = _live_order(live_company)
    boss = _boss(live_company)
    with tenant_scope(live_company.tenant_id):
        part = SparePart.objects.create(site_id=plant, number="S-1", name="Seal", stock=3)
        others = [
            orders.make_order(asset_id=WorkOrder.objects.get(pk=pk).asset_id, title=f"{n}", by="x").pk for n in range(7)
        ]  # fmt: skip
    waiting = [pk, *others]
    results = _at_once(
        live_company,
        lambda: booking.take_part(waiting.pop(), part_id=part.pk, quantity=Decimal(1), actor=boss).quantity, 8,
    )  # fmt: skip
    assert sorted(map(str, results)) == ["1"] * 3 + ["health.stock_too_low"] * 5
    with tenant_scope(live_company.tenant_id):
        assert SparePart.objects.get(pk=part.pk).stock == 0
        assert (PartUse.objects.count(), StockMove.objects.count()) == (3, 3)


def test_orders_made_at_once_have_numbers_of_their_own(live_company: Company) -> None:
    pk, _plant = _live_order(live_company)
    with tenant_scope(live_company.tenant_id):
        asset_id = WorkOrder.objects.get(pk=pk).asset_id
    results = _at_once(
        live_company, lambda: orders.make_order(asset_id=asset_id, title="y", by="x").number, 6
    )
    assert sorted(results) == [2, 3, 4, 5, 6, 7]
