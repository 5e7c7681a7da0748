"""Reads of values and the two pages that stay open all day keep to their number of queries, however many points."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from tests.api.conftest import make_machine
from tests.conftest import Company

ClientOf = Callable[[str], APIClient]

BUDGET: dict[str, list[int]] = json.loads((Path(__file__).parent / "query_budget.json").read_text())["reads"]
MANY = 20


def _count(client: Client, address: str) -> int:
    with ExitStack() as stack:
        asked = [
            stack.enter_context(CaptureQueriesContext(connections[alias])) for alias in ("default", "ingest")
        ]
        answer: Any = client.get(address)
        assert answer.status_code == 200, (address, answer.content[:300])
    return sum(len(each) for each in asked)


def _addresses(machine: int, points: list[int], many: int) -> dict[str, str]:
    ids = ",".join(map(str, points[:many]))
    return {
        "latest": f"/api/v1/latest/?point={ids}",
        "latest of a machine": f"/api/v1/latest/?asset={machine}",
        "samples raw": f"/api/v1/samples/?point={ids}&resolution=raw",
        "samples 1h": f"/api/v1/samples/?point={ids}&resolution=1h",
        "overview": "/",
        "machine": f"/machines/{machine}/",
    }


@pytest.fixture
def measured(
    live_company: Company, client_of: ClientOf, sign_in: Callable[[Any], Client]
) -> dict[str, tuple[int, int]]:
    """Queries of each read with one point and machine, and with 20 of each."""
    program = client_of(live_company.manager_key)
    page = sign_in(live_company.manager)
    # A company is in its first hour once.
    page.post("/start/", {"dismiss": "1"})
    first = make_machine(program)
    machine, plant = first["machine"]["id"], first["plant"]["id"]
    points = [point["id"] for point in first["points"].values()]

    def count(many: int) -> dict[str, int]:
        found = {}
        for name, address in _addresses(machine, points, many).items():
            client = program if address.startswith("/api/") else page
            # The first look fills what a process keeps.
            _count(client, address)
            found[name] = _count(client, address)
        return found

    short = count(1)
    for number in range(MANY):
        body = {"asset": machine, "key": f"extra_{number}", "unit": "bar"}
        points.append(program.post("/api/v1/points/", body, format="json").json()["id"])
        body = {
            "plant": plant, "parent": first["machine"]["parent"], "level": "work_unit", "name": f"Press {number + 2}",
            "profile": "press", "with_points": True,
        }  # fmt: skip
        assert program.post("/api/v1/assets/", body, format="json").status_code == 201
    long = count(MANY)
    return {name: (short[name], long[name]) for name in short}


def test_reads_keep_to_their_budget(measured: dict[str, tuple[int, int]]) -> None:
    assert {name: list(counts) for name, counts in measured.items()} == BUDGET


def test_more_points_ask_no_more_but_for_other_kinds() -> None:
    """Samples of points that are thinned, computed or texts are other statements, each once."""
    growing = {name: many - one for name, (one, many) in BUDGET.items() if many != one}
    assert growing == {"samples raw": 1}
