"""Every address answers what it was asked: a parameter or a choice that there is none of is refused, and named."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from django.urls import get_resolver
from rest_framework import views
from rest_framework.test import APIClient

from forgeline.base.errors import MOST_NAMED, not_among
from forgeline.base.views import Answering
from tests.api.conftest import subclasses_of
from tests.api.world import OPERATIONS, describe_api, make_world, operations_in_turn
from tests.conftest import Company

ClientOf = Callable[[str], APIClient]


pytestmark = pytest.mark.usefixtures("fresh_ingest")


def _asked_by(method: str, path: str) -> dict[str, dict[str, object]]:
    """Return the parameters of an operation's address that stand behind the question mark, with their schemas."""
    described = describe_api()["paths"][path][method].get("parameters", [])
    return {each["name"]: each["schema"] for each in described if each["in"] == "query"}


def test_every_view_of_the_api_is_of_the_house() -> None:
    assert get_resolver().url_patterns, "the addresses bring all views"
    house = ("forgeline.", "apps.", "connectors.")
    ours = [each for each in subclasses_of(views.APIView) if each.__module__.startswith(house)]
    assert len(ours) > 80
    assert [each for each in ours if not issubclass(each, Answering)] == []


def test_a_parameter_that_an_address_does_not_know_is_refused_everywhere(
    live_company: Company, client_of: ClientOf
) -> None:
    client = client_of(live_company.manager_key)
    world = make_world(live_company, client)
    for method, path in operations_in_turn(live_company, OPERATIONS):
        known = _asked_by(method, path)
        question = urlencode({**dict.fromkeys(known, ""), "no_such": "1"})
        answer = getattr(client, method)(f"{world.address(path)}?{question}", {}, format="json")
        if answer.status_code == 403:
            # Owners ask here, no program does.
            assert answer.json()["data"] == {"permission": "identity.own"}, (method, path)
            continue
        assert answer.status_code == 400, (method, path, answer.status_code, answer.content[:300])
        told = answer.json()["data"]["fields"]
        assert list(told) == ["no_such"], (method, path, told)
        assert (
            set(known) - {"cursor", "page_size", "ordering"}
            <= set(told["no_such"][0].replace(",", " ").replace(".", " ").split())
            or not known
        ), (method, path, told)


def test_what_all_lists_are_asked_by_is_said_once(company: Company, client_of: ClientOf) -> None:
    client = client_of(company.manager_key)
    for name, word in (("search", "a"), ("ordering", "name"), ("page_size", "5"), ("cursor", "x")):
        answer = client.get(f"/api/v1/assets/?{name}={word}&{name}={word}")
        assert answer.status_code == 400, name
        assert answer.json()["data"]["fields"] == {name: ["This is said twice; say it once."]}


def test_a_word_that_is_none_of_a_filters_is_refused_with_those_that_are(
    live_company: Company, client_of: ClientOf
) -> None:
    client = client_of(live_company.manager_key)
    found = 0
    for method, path in operations_in_turn(live_company, OPERATIONS):
        if "{" in path:
            continue
        for name, schema in _asked_by(method, path).items():
            words = schema.get("enum") or schema.get("items", {}).get("enum")  # type: ignore[attr-defined]
            if not words or name == "ordering":
                continue
            answer = getattr(client, method)(path, {name: "no-such-word"})
            assert answer.status_code == 400, (path, name)
            if "fields" in answer.json().get("data", {}):
                sentence = answer.json()["data"]["fields"][name][0]
                assert all(str(word) in sentence for word in words[:MOST_NAMED]), (path, name, sentence)
                found += 1
    assert found >= 20


def test_several_words_are_joined_however_they_are_said(company: Company, client_of: ClientOf) -> None:
    client = client_of(company.manager_key)
    for question in ("state=done,failed", "state=done&state=failed"):
        assert client.get(f"/api/v1/jobs/?{question}").status_code == 200
    refused = client.get("/api/v1/jobs/?state=done,gone")
    assert refused.json()["data"]["fields"]["state"] == [
        "gone is none of: waiting, running, done, failed, cancelled."
    ]


def test_a_body_is_told_its_choices_too(company: Company, client_of: ClientOf) -> None:
    client = client_of(company.manager_key)
    plant = client.post("/api/v1/plants/", {"name": "South", "zone": "Asia/Shanghai"}, format="json").json()
    answer = client.post(
        "/api/v1/assets/", {"plant": plant["id"], "level": "shelf", "name": "A"}, format="json"
    )
    assert answer.status_code == 400
    assert answer.json()["data"]["fields"]["level"][0].startswith("shelf is none of: ")


def test_a_long_list_of_choices_is_cut() -> None:
    assert not_among("x", ["a", "b"]) == "x is none of: a, b."
    assert not_among("x" * 500, range(100)).endswith("38, 39, ….")
    assert len(not_among("x" * 500, ["a"])) < 120
