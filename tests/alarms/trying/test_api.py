"""Over REST: a week at once, a month behind the request, what cannot be tried in clear sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rest_framework.test import APIClient

from forgeline.alarms.trying import jobs
from forgeline.base import clock
from forgeline.telemetry import ingest
from forgeline.telemetry.sample import SampleBatch
from tests.alarms.conftest import S
from tests.api.conftest import client_of, make_machine
from tests.conftest import Company
from tests.telemetry.conftest import quiet_ingest

__all__ = ["client_of", "quiet_ingest"]

ADDRESS = "/api/v1/alarm-trials/"
ClientOf = Callable[[str], APIClient]


def rule(**condition: Any) -> dict[str, Any]:
    return {
        "name": {"en": "power high"},
        "condition": {"kind": "limit", "point": "power", "level": "H", "limit": 80.0, **condition},
    }


@pytest.fixture
def machine(quiet_ingest: None, live_company: Company, client_of: ClientOf) -> dict[str, Any]:
    """A press of which two hours are stored, with one alarm in it."""
    made = make_machine(client_of(live_company.manager_key))
    now_us = clock.now_us()
    ts = np.arange(now_us - 7200 * S, now_us, 10 * S, dtype=np.int64)
    value = np.where((np.arange(len(ts)) >= 100) & (np.arange(len(ts)) < 130), 90.0, 70.0)
    point = made["points"]["power"]["id"]
    ingest.ingest_batch(SampleBatch.from_columns([point] * len(ts), ts, value), now_us=now_us)
    return made


def test_week_is_answered_at_once(
    live_company: Company, client_of: ClientOf, machine: dict[str, Any]
) -> None:
    client = client_of(live_company.manager_key)
    body = {"asset": machine["machine"]["id"], "key": "own", "definition": rule()}
    answer = client.post(ADDRESS, body, format="json")
    assert answer.status_code == 200, answer.content
    trial = answer.json()
    assert (trial["id"], trial["state"], trial["days"]) == (None, "done", 7)
    assert trial["result"]["total"]["new"]["alarms"] == 1
    [found] = trial["result"]["machines"]
    assert found["alarms"][0]["peak"] == 90.0
    assert found["new"]["minutes"] == 5.0


def test_month_goes_on_behind_the_request(
    live_company: Company, client_of: ClientOf, machine: dict[str, Any]
) -> None:
    client = client_of(live_company.manager_key)
    answer = client.post(ADDRESS, {"profile": "press", "definition": rule(), "days": 30}, format="json")
    assert answer.status_code == 202, answer.content
    address = f"{ADDRESS}{answer.json()['id']}/"
    assert client.get(address).json()["state"] == "waiting"
    assert jobs.work() == 1
    trial = client_of(live_company.viewer_key).get(address).json()
    assert (trial["state"], trial["progress"], trial["error"]) == ("done", 100, "")
    assert trial["result"]["total"]["new"]["alarms"] == 1
    assert trial["result"]["machines"][0]["points"][0]["coverage"] < 0.01
    assert any("was known for" in sentence for sentence in trial["result"]["sentences"])
    assert client_of(live_company.viewer_key).delete(address).status_code == 403
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"days": 91}, "less than or equal to 90"),
        ({"definition": rule(point="gas")}, "There is no point gas here."),
        ({"definition": rule(point="force_peak")}, "Nothing was stored of Peak force in this span"),
        ({"definition": rule(kind="wish")}, "The rule cannot be read"),
        ({"asset": None}, "Say for which machine, or for which profile, the rule is."),
        (
            {"asset": None, "profile": "furnace", "definition": rule(point="power")},
            "No machine has this profile",
        ),
    ],
)
def test_what_cannot_be_tried_is_told(
    live_company: Company, client_of: ClientOf, machine: dict[str, Any], change: dict[str, Any], sentence: str
) -> None:
    client = client_of(live_company.manager_key)
    body = {"asset": machine["machine"]["id"], "definition": rule(), "days": 3, **change}
    answer = client.post(ADDRESS, body, format="json")
    assert answer.status_code == 400, answer.content
    assert sentence in answer.content.decode()


def test_viewer_tries_nothing(live_company: Company, client_of: ClientOf, machine: dict[str, Any]) -> None:
    body = {"asset": machine["machine"]["id"], "definition": rule()}
    assert client_of(live_company.viewer_key).post(ADDRESS, body, format="json").status_code == 403
