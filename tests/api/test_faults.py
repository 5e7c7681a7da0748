"""A fault nobody anticipated comes in the envelope and tells nothing of itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import OperationalError
from rest_framework.test import APIClient

from forgeline.assets import queries
from forgeline.identity import middleware
from tests.conftest import Company

ClientOf = Callable[[str], APIClient]


def test_unexpected_fault_comes_in_the_envelope(
    company: Company, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def _fail() -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(queries, "list_sites", _fail)
    answer = client_of(company.manager_key).get("/api/v1/plants/")
    assert answer.status_code == 500
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["key"] == "base.fault"
    assert "hunter2" not in answer.content.decode()


def test_a_database_that_is_away_asks_to_come_again(
    company: Company, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def _fail() -> None:
        raise OperationalError("couldn't get a connection after 10.00 sec")

    client = client_of(company.manager_key)
    monkeypatch.setattr(queries, "list_sites", _fail)
    answer = client.get("/api/v1/plants/")
    assert (answer.status_code, answer["Retry-After"], answer.json()["key"]) == (503, "5", "base.unavailable")
    assert "10.00" not in answer.content.decode()
    monkeypatch.setattr(middleware, "find_actor_by_key", lambda _key: _fail())
    answer = client.get("/api/v1/plants/")
    assert (answer.status_code, answer.json()["key"]) == (503, "base.unavailable")
    page = client.get("/machines/1/")
    assert (page.status_code, page["Retry-After"]) == (503, "5")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80@localhost", "a b", "x" * 300])
def test_a_host_name_that_is_not_ours_is_refused_in_words(
    company: Company, client_of: ClientOf, host: str
) -> None:
    client = client_of(company.manager_key)
    answer = client.get("/api/v1/plants/", HTTP_HOST=host)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["key"] == "base.unknown_host"
    page = client.get("/sign-in/", HTTP_HOST=host)
    assert (page.status_code, page["Content-Type"]) == (400, "text/plain; charset=utf-8")
    for said in (answer, page):
        assert "FORGELINE_ALLOWED_HOSTS" in said.content.decode()
        assert host not in said.content.decode()
