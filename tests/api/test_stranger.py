"""Generated from the router: without a key nothing opens, and another company's key finds nothing of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from tests.api.conftest import make_machine
from tests.conftest import Company

ClientOf = Callable[[str], APIClient]

METHODS = ("get", "post", "put", "patch", "delete")


def _endpoints(patterns: list[URLPattern | URLResolver], prefix: str = "/") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern).lstrip("^").rstrip("$")
        if isinstance(pattern, URLResolver):
            yield from _endpoints(pattern.url_patterns, route)
        elif route.startswith("/api/v1/"):
            yield route


ROUTES = sorted(set(_endpoints(get_resolver().url_patterns)))


def _fill(route: str, number: int = 1) -> str:
    import re

    route = re.sub(r"\(\?P<\w+>[^)]*\)", str(number), route)
    return re.sub(r"<[^>]+>", str(number), route).replace("\\", "").replace("/?", "/")


def test_the_router_was_found() -> None:
    assert len(ROUTES) > 12


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", METHODS)
def test_nobody_without_a_key(db: None, client_of: ClientOf, route: str, method: str) -> None:
    answer = getattr(client_of(""), method)(_fill(route), {}, format="json")
    assert answer.status_code in {401, 403, 404, 405}, (route, method, answer.content)
    assert answer.json()["key"]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", METHODS)
def test_another_companys_manager_finds_nothing(
    company: Company, stranger: Company, client_of: ClientOf, route: str, method: str
) -> None:
    ours = make_machine(client_of(company.manager_key))
    number = ours["machine"]["id"]
    words = {ours["plant"]["name"], *(point["name"] for point in ours["points"].values())}
    answer = getattr(client_of(stranger.manager_key), method)(_fill(route, number), {}, format="json")
    assert answer.status_code < 500, (route, method, answer.content)
    text = answer.content.decode() if hasattr(answer, "content") else ""
    assert not any(f'"{word}"' in text for word in words)
    if route != _fill(route) and "{" not in route and method in {"get", "patch", "delete"}:
        assert answer.status_code in {400, 403, 404, 405, 204}
    still = client_of(company.manager_key).get(f"/api/v1/assets/{number}/")
    assert still.status_code == 200
    assert still.json()["name"] == "Press 1"


def test_refused_key_is_told_apart_from_no_key(company: Company, client_of: ClientOf) -> None:
    answer = client_of("fl_wrong").get("/api/v1/plants/")
    assert answer.status_code == 401
    assert answer.json()["key"] == "identity.key_refused"


def test_revoked_key_stops_at_once(company: Company, client_of: ClientOf) -> None:
    client = client_of(company.manager_key)
    made = client.post("/api/v1/api-keys/", {"name": "robot", "role": "viewer"}, format="json").json()
    robot = client_of(made["key"])
    assert robot.get("/api/v1/plants/").status_code == 200
    client.delete(f"/api/v1/api-keys/{made['id']}/")
    assert robot.get("/api/v1/plants/").status_code == 401


def test_unknown_endpoint_and_broken_json_come_in_the_envelope(company: Company, client_of: ClientOf) -> None:
    client = client_of(company.manager_key)
    assert client.get("/api/v1/nonsense/").json()["key"] == "base.not_found"
    answer = client.post("/api/v1/plants/", "{", content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["key"] == "base.parse_error"
    assert client.put("/api/v1/plants/", {}, format="json").json()["key"] == "base.method_not_allowed"


def test_schema_and_docs_need_no_sign_in(db: None, client_of: ClientOf) -> None:
    schema = client_of("").get("/api/schema/?format=json")
    assert schema.status_code == 200
    assert "/api/v1/samples/" in schema.json()["paths"]
    assert client_of("").get("/api/docs/").status_code == 200
