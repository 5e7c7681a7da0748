"""Plans, parts and orders as CSV: what goes out comes in again; one fault and nothing is taken."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.apps.health.conftest import Api, Order

PARTS = "plant,number,name,unit,stock,minimum,unit_cost\nWorks of Press 1,S-1,Seal,pc,3,2,45.5\n"


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


@pytest.mark.usefixtures("machine")
def test_parts_go_out_and_come_in_again(api: Api) -> None:
    address = "maintenance-csv/"
    assert api.post(address, {"what": "parts", "csv": PARTS}) == {"made": 1, "changed": 0, "unchanged": 0}
    out = api.get(address, what="parts")["csv"]
    assert api.post(address, {"what": "parts", "csv": out}) == {"made": 0, "changed": 0, "unchanged": 1}
    assert api.post(address, {"what": "parts", "csv": PARTS.replace(",3,2,", ",7,2,")})["changed"] == 1
    (part,) = api.get("spare-parts/")["results"]
    assert part["stock"] == "7.000"
    moves = api.get(f"spare-parts/{part['id']}/moves/")
    assert [move["kind"] for move in moves] == ["count", "receipt"]


def test_plans_go_out_and_come_in_again(api: Api, machine: int) -> None:
    api.post("maintenance-plans/adopt/", {"asset": machine})
    out = api.get("maintenance-csv/", what="plans")["csv"]
    assert {row["trigger"] for row in _rows(out)} == {"calendar", "hours", "count", "condition"}
    taken = api.post("maintenance-csv/", {"what": "plans", "csv": out})
    assert (taken["made"], taken["unchanged"]) == (0, 4)
    for plan in api.get("maintenance-plans/")["results"]:
        api.delete(f"maintenance-plans/{plan['id']}/")
    assert api.post("maintenance-csv/", {"what": "plans", "csv": out})["made"] == 4
    assert api.get("maintenance-csv/", what="plans")["csv"] == out


def test_orders_go_out_and_history_comes_in_once(api: Api, new_order: Order) -> None:
    new_order("done", title="=SUM(A1)")
    out = api.get("maintenance-csv/", what="work-orders")["csv"]
    (row,) = _rows(out)
    assert (row["title"], row["state"], row["machine"]) == ("'=SUM(A1)", "done", "Press 1")
    assert api.post("maintenance-csv/", {"what": "work-orders", "csv": out})["unchanged"] == 1
    older = out.replace("'=SUM(A1)", "Changed a belt")
    assert api.post("maintenance-csv/", {"what": "work-orders", "csv": older})["made"] == 1
    assert api.post("maintenance-csv/", {"what": "work-orders", "csv": older})["unchanged"] == 1


@pytest.mark.parametrize(
    ("what", "text", "word"),
    [
        ("parts", PARTS + "Nowhere,S-2,x,,1,1,1\n", "Row 3: there is no plant Nowhere."),
        ("parts", PARTS + "Works of Press 1,S-2,x,,-1,1,1\n", "Row 3: A stock is not below zero."),
        ("parts", PARTS + "Works of Press 1,S-2,x,,many,1,1\n", "Row 3: many cannot be read."),
        ("parts", PARTS.replace("minimum", "colour"), "names the columns"),
        ("parts", 'plant,number,name\n"a', "cannot be read as CSV"),
        ("plans", "machine,name,trigger\nPress 9,x,hours\n", "Row 2: there is no machine Press 9."),
        (
            "plans",
            "machine,name,trigger,every,checklist\nPress 1,x,hours,5,[{\n",
            "Row 2: its checklist is no JSON.",
        ),
        (
            "work-orders",
            "machine,title,kind,state\nPress 1,x,corrective,done\n",
            "Row 2: what is done needs done_at",
        ),
        ("work-orders", "machine,title,kind,state,done_at\nPress 1,x,corrective,done,2025-01-05\n", "Row 2:"),
        (
            "work-orders",
            "machine,title,kind,state,done_at\nPress 1,x,corrective,done,2025-01-05T08:00:00\n",
            "lacks its zone",
        ),
    ],
)
@pytest.mark.usefixtures("machine")
def test_a_file_with_one_fault_changes_nothing_and_names_the_row(
    api: Api, what: str, text: str, word: str
) -> None:
    refused = api.post("maintenance-csv/", {"what": what, "csv": text}, status=400)
    assert word in refused["title"]
    assert api.get("spare-parts/")["results"] == []
    assert api.get("maintenance-plans/")["results"] == []
    assert api.get("work-orders/")["results"] == []


def test_work_of_the_past_is_taken_in_by_who_manages(api: Api, machine: int) -> None:
    from tests.apps.health.conftest import api_of

    keys: dict[str, Any] = {
        role: api_of(api.post("api-keys/", {"name": role, "role": role})["key"])
        for role in ("engineer", "viewer")
    }
    text = "machine,title,kind\nPress 1,x,corrective\n"
    keys["engineer"].post("maintenance-csv/", {"what": "work-orders", "csv": text}, status=403)
    keys["viewer"].post("maintenance-csv/", {"what": "parts", "csv": PARTS}, status=403)
    assert keys["engineer"].post("maintenance-csv/", {"what": "parts", "csv": PARTS})["made"] == 1
