"""Generated from the OpenAPI description: what nobody, a viewer, and another company get of each operation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from rest_framework.test import APIClient

from forgeline.telemetry import ingest
from tests.api.world import (
    FOR_THE_OPERATOR,
    MARK,
    OPERATIONS,
    WRITES,
    World,
    make_world,
    numbered_world,
    put_back,
)
from tests.conftest import Company

ClientOf = Callable[[str], APIClient]

NAMES_KINDS = {"/api/v1/imports/{kind}/template/", "/api/v1/imports/{kind}/export/"}
"""The kind of a table is everybody's; what stands in it is asked for in tests/isolation."""
WITH_ID = [(method, path) for method, path in OPERATIONS if "{" in path and path not in NAMES_KINDS]
LISTS = [path for method, path in OPERATIONS if method == "get" and "{" not in path]
NAMES_POINTS = {"/api/v1/latest/", "/api/v1/samples/"}
OF_EVERYBODY = {"/api/v1/api-keys/", "/api/v1/members/", "/api/v1/audit/", "/api/v1/plans/"}
"""The stranger has some of its own."""
FOR_FEW = ("/api/v1/customers/", FOR_THE_OPERATOR)
"""For partners, and for the operator of the service: no manager of a company has them."""
SOLD = {"/api/v1/subscription/"}
"""The stranger has bought nothing, and gets a 404."""
WITHOUT_IDS = {
    "post api-keys/", "post plants/", "post connections/", "put retention/", "post channels/", "post invitations/",
    "post roles/", "post plants/bulk/", "post webhooks/", "put modules/", "post downtime-reasons/",
    "patch maintenance-terms/", "put sso/", "delete sso/", "post sso/check/",
    "post sso/domains/check/",
    "post uploads/", "post company-archive/",
    "post company-erasure/", "delete company-erasure/",
}  # fmt: skip
"""Writes that name nothing of anybody, so that a stranger may do them at home."""


def _ask(client: APIClient, method: str, address: str, body: Any) -> Any:
    if method == "delete" and address.endswith("/special-days/"):
        address += "?on=2026-10-10"
    send = getattr(client, method)
    return send(address) if body is None else send(address, body, format="json")


def _body(world: World, method: str, path: str) -> Any:
    return None if method == "get" else world.body(method, path)


@pytest.fixture(autouse=True)
def _fresh_ingest() -> Iterator[None]:
    """A posted sample starts the store's keeper; it must not outlive the test."""
    yield
    ingest.reset()


def _text(answer: Any) -> str:
    return b"".join(answer.streaming_content if answer.streaming else [answer.content]).decode()


def test_every_write_route_has_a_body_here() -> None:
    numbers = numbered_world()
    described = {f"{m} {p.removeprefix('/api/v1/')}" for m, p in OPERATIONS if m in WRITES}
    assert set(numbers.bodies()) == described


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_nobody_without_a_key(db: None, client_of: ClientOf, method: str, path: str) -> None:
    numbers = numbered_world()
    answer = _ask(client_of(""), method, numbers.address(path), _body(numbers, method, path))
    assert answer.status_code == 401, answer.content
    assert answer.json()["key"] == "base.not_authenticated"
    assert answer["WWW-Authenticate"] == "Bearer"


def test_viewer_writes_nothing(company: Company, client_of: ClientOf) -> None:
    world, viewer = make_world(company, client_of(company.manager_key)), client_of(company.viewer_key)
    faults = {}
    for method, path in OPERATIONS:
        if method in WRITES:
            with put_back():
                answer = _ask(viewer, method, world.address(path), world.body(method, path))
                if answer.status_code != 403 or answer["Content-Type"] != "application/problem+json":
                    faults[f"{method} {path}"] = (answer.status_code, _text(answer)[:300])
    assert faults == {}


def test_id_of_another_company_is_no_id(company: Company, stranger: Company, client_of: ClientOf) -> None:
    world, outside = make_world(company, client_of(company.manager_key)), client_of(stranger.manager_key)
    faults = {}
    for method, path in WITH_ID:
        with put_back():
            answer = _ask(outside, method, world.address(path), _body(world, method, path))
            said = _text(answer)
            if answer.status_code != (403 if path.startswith(FOR_FEW) else 404) or MARK in said:
                faults[f"{method} {path}"] = (answer.status_code, said[:300])
    assert faults == {}


def test_our_own_ids_are_ids(company: Company, client_of: ClientOf) -> None:
    """The counter-test: with the same addresses the company itself finds everything."""
    client = client_of(company.manager_key)
    world = make_world(company, client)
    reads = [path for method, path in WITH_ID if method == "get" and not path.endswith("/browse/")]
    reads = [path for path in reads if not path.startswith(FOR_FEW)]
    found = {path: client.get(world.address(path)).status_code for path in reads}
    assert found == dict.fromkeys(reads, 200)


def test_lists_show_nothing_of_another_company(
    company: Company, stranger: Company, client_of: ClientOf
) -> None:
    insider, outside = client_of(company.manager_key), client_of(stranger.manager_key)
    world = make_world(company, insider)
    faults = {}
    for path in LISTS:
        if said := _leak_of(path, world, insider, outside):
            faults[path] = said
    assert faults == {}


def _leak_of(path: str, world: World, insider: APIClient, outside: APIClient) -> str:
    """Ask a list as its company and as another; return what is wrong, '' for nothing."""
    query = f"?point={world.point}" if path in NAMES_POINTS else ""
    mine, theirs = insider.get(path + query), outside.get(path + query)
    expected = (403, 403) if path.startswith(FOR_FEW) else (200, 404 if path in SOLD else 200)
    if (mine.status_code, theirs.status_code) != expected:
        return f"answered {mine.status_code} to its company, {theirs.status_code} to the other"
    said = _text(theirs)
    if MARK in said:
        return "names a thing of the other company"
    if path in NAMES_POINTS:
        by_machine = outside.get(f"{path}?asset={world.machine}").status_code
        return "" if '"kW"' not in said and by_machine == 404 else f"tells of a point ({by_machine})"
    body = None if theirs.streaming else theirs.json()
    is_list = isinstance(body, dict) and "results" in body and path not in OF_EVERYBODY
    return "has rows" if is_list and body["results"] else ""


def test_body_cannot_name_what_is_another_companys(
    company: Company, stranger: Company, client_of: ClientOf
) -> None:
    world, outside = make_world(company, client_of(company.manager_key)), client_of(stranger.manager_key)
    faults = {}
    for method, path in OPERATIONS:
        operation = f"{method} {path.removeprefix('/api/v1/')}"
        if method not in WRITES or "{" in path or operation in WITHOUT_IDS:
            continue
        with put_back():
            answer = _ask(outside, method, path, world.body(method, path))
            said = _text(answer)
            if (
                answer.status_code not in ({403} if path.startswith(FOR_FEW) else {400, 404, 422})
                or MARK in said
            ):
                faults[operation] = (answer.status_code, said[:300])
    assert faults == {}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("patch", "assets/{machine}/", {"parent": "line"}),
        ("patch", "assets/{machine}/", {"plant": "plant"}),
        ("patch", "devices/{device}/", {"asset": "machine"}),
        ("patch", "points/{point}/", {"asset": "machine"}),
        ("patch", "points/{point}/", {"device": "device"}),
        ("post", "points/", {"key": "x", "asset": "machine", "device": "device"}),
        ("post", "connections/{connection}/bindings/", {"address": "b|c", "point": "point"}),
        ("post", "waiting-devices/{waiting}/adopt/", {"asset": "machine"}),
        ("delete", "devices/{device}/credentials/{their:credential}/", None),
        ("delete", "connections/{connection}/bindings/{their:binding}/", None),
        ("delete", "plants/{plant}/shifts/{their:shift}/", None),
    ],
)
def test_own_things_cannot_be_tied_to_another_companys(
    company: Company, stranger: Company, client_of: ClientOf, method: str, path: str, body: Any
) -> None:
    theirs = make_world(company, client_of(company.manager_key))
    client = client_of(stranger.manager_key)
    own = make_world(stranger, client)
    for name in World.__slots__:
        path = path.replace(f"{{their:{name}}}", str(getattr(theirs, name)))
        path = path.replace(f"{{{name}}}", str(getattr(own, name)))
    named = body and {
        word: getattr(theirs, value) if value in World.__slots__ else value for word, value in body.items()
    }
    answer = _ask(client, method, f"/api/v1/{path}", named)
    assert answer.status_code in {400, 404}, (answer.status_code, answer.content)


def test_refused_key_is_told_apart_from_no_key(company: Company, client_of: ClientOf) -> None:
    answer = client_of("fl_wrong").get("/api/v1/plants/")
    assert answer.status_code == 401
    assert answer.json()["key"] == "identity.key_refused"


def test_revoked_key_stops_at_once(company: Company, client_of: ClientOf) -> None:
    client = client_of(company.manager_key)
    made = client.post("/api/v1/api-keys/", {"name": "robot", "role": "viewer"}, format="json").json()
    robot = client_of(made["key"])
    assert robot.get("/api/v1/plants/").status_code == 200
    assert client.delete(f"/api/v1/api-keys/{made['id']}/").status_code == 204
    assert robot.get("/api/v1/plants/").status_code == 401


def test_schema_and_docs_need_no_sign_in(db: None, client_of: ClientOf) -> None:
    schema = client_of("").get("/api/schema/?format=json")
    assert schema.status_code == 200
    assert "/api/v1/samples/" in schema.json()["paths"]
    assert client_of("").get("/api/docs/").status_code == 200


def test_description_is_whole_and_warns_of_nothing() -> None:
    with GENERATOR_STATS.silence():
        reset_generator_stats()
        schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        assert not GENERATOR_STATS, (GENERATOR_STATS._warn_cache, GENERATOR_STATS._error_cache)
    validate_schema(json.loads(json.dumps(schema, default=str)))  # type: ignore[no-untyped-call]
