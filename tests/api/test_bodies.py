"""Whatever is sent, the answer is in the envelope and never a 500: malformed bodies, and fuzz by the description."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from hypothesis import HealthCheck, given, settings as effort, strategies as st
from rest_framework.test import APIClient

from tests.api.world import OPERATIONS, World, describe_api, make_world, operations_in_turn
from tests.conftest import Company

ClientOf = Callable[[str], APIClient]

WITH_BODY = [(method, path) for method, path in OPERATIONS if method in {"post", "put", "patch"}]
READS = [path for method, path in OPERATIONS if method == "get" and not path.endswith("/browse/")]
ASKING_AFAR = ("/connections/test/", "/sso/", "/sso/check/")
"""What is written there is called up, wherever it is; owners alone may have a sign-on provider asked."""
UNREADABLE = {
    "empty word": b"{",
    "not a number": b'{"name": NaN}',
    "infinite": b'{"value": [Infinity]}',
    "beyond a double": b'{"valid_min": 1e400}',
    "invalid UTF-8": b'{"name": "\xff\xfe"}',
    "half a surrogate": b'{"name": "\\ud800"}',
    "the other half": b'{"name": "\\udc00"}',
    "NUL": b'{"name": "a\\u0000b"}',
    "NUL in a name": b'{"names": {"\\u0000": "b"}}',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "not so deep": b'{"names": ' + b"[" * 40 + b"]" * 40 + b"}",
    "two documents": b"{}{}",
}


pytestmark = pytest.mark.usefixtures("fresh_ingest")


@pytest.fixture
def world(live_company: Company, client_of: ClientOf) -> World:
    return make_world(live_company, client_of(live_company.manager_key))


def _is_refused(answer: Any, *codes: int) -> None:
    assert answer.status_code in codes, (answer.status_code, answer.content[:500])
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert set(body) >= {"type", "title", "status", "key", "detail"}
    assert (body["status"], body["type"]) == (answer.status_code, f"urn:forgeline:{body['key']}")


def test_unreadable_bodies_are_refused_everywhere(
    live_company: Company, client_of: ClientOf, world: World
) -> None:
    client = client_of(live_company.manager_key)
    for method, path in operations_in_turn(live_company, WITH_BODY):
        if world.body(method, path) is None:
            continue
        for body in UNREADABLE.values():
            answer = getattr(client, method)(world.address(path), body, content_type="application/json")
            _is_refused(answer, 400)
            assert answer.json()["key"] == "base.parse_error"


def test_large_body_is_refused_unread(live_company: Company, client_of: ClientOf) -> None:
    client = client_of(live_company.manager_key)
    body = b'{"name": "' + b"a" * (10 * 1024 * 1024) + b'"}'
    for path in ("plants", "samples"):
        answer = client.post(f"/api/v1/{path}/", body, content_type="application/json")
        _is_refused(answer, 413)
        assert answer.json()["key"] == "base.too_large"
    assert len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_other_kinds_of_body_are_told_apart(live_company: Company, client_of: ClientOf, kind: str) -> None:
    answer = client_of(live_company.manager_key).post("/api/v1/plants/", "name=x", content_type=kind)
    _is_refused(answer, 415)


@pytest.mark.parametrize("number", ["abc", "-1", "0", "9" * 18, "9" * 30, "1.5", "٣", "%00", "1%20OR%201=1"])
def test_odd_ids_are_no_ids(live_company: Company, client_of: ClientOf, number: str) -> None:
    client = client_of(live_company.manager_key)
    for method, path in operations_in_turn(live_company, OPERATIONS):
        if "{" in path:
            answer = getattr(client, method)(re.sub(r"{\w+}", number, path), {}, format="json")
            _is_refused(answer, 400, 404)


# --- fuzz ---

_WORD = st.text(max_size=12) | st.sampled_from(
    ["", " ", "'", "é", "null", "mqtt", "manager", "UTC", "2026-02-30", "25:61"]
)
_EDGES = [2**31, 2**53, 2**63, 2**64, -(2**63), 10**30, 1e308, -1e-320, 0.1]
_NUMBER = st.integers(-3, 3) | st.integers() | st.sampled_from(_EDGES)
_ANY = st.recursive(
    st.none() | st.booleans() | _NUMBER | _WORD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORD, inner, max_size=3),
    max_leaves=5,
)


def _changed(good: Any) -> st.SearchStrategy[Any]:
    """A good body in which some fields hold anything, or a body that is anything."""
    if isinstance(good, list):
        return st.lists(_changed(good[0]), max_size=2) | _ANY
    if not isinstance(good, dict):
        return _ANY
    fields = {name: st.just(value) | _ANY for name, value in good.items()}
    return st.fixed_dictionaries({}, optional=fields) | st.fixed_dictionaries(fields) | _ANY


def _described(path: str, method: str) -> dict[str, Any]:
    """Every field that the description names for a body: what a caller may send beyond the example."""
    schema = describe_api()
    content = schema["paths"][path][method].get("requestBody", {}).get("content", {})
    found = content.get("application/json", {}).get("schema", {})
    if "items" in found:
        found = found["items"]
    if "$ref" in found:
        found = schema["components"]["schemas"][found["$ref"].rsplit("/", 1)[1]]
    return dict.fromkeys(found.get("properties", {}))


# One world serves all routes: a company for each would be made two hundred times.
@pytest.mark.timeout(300)
def test_no_body_breaks_a_route(live_company: Company, client_of: ClientOf, world: World) -> None:
    client = client_of(live_company.manager_key)

    def send(method: str, path: str, body: Any) -> None:
        with transaction.atomic():
            answer = getattr(client, method)(world.address(path), body, format="json")
            transaction.set_rollback(True)
        if answer.status_code == 422:
            # Samples of which none was taken: understood, and each row's reason told.
            assert answer.json()["rejected"] == len(answer.json()["reasons"])
        elif answer.status_code >= 300:
            _is_refused(answer, 400, 404, 409, 413)
        elif answer.status_code != 204:
            answer.json()

    faults = {}
    for method, path in operations_in_turn(live_company, WITH_BODY):
        example = world.body(method, path)
        if example is None or path.endswith(ASKING_AFAR):
            continue
        described = _described(path, method)
        good: Any = [{**described, **example[0]}] if isinstance(example, list) else {**described, **example}
        faults |= _faults_of(f"{method} {path}", partial(send, method, path), _changed(good), examples=25)
    assert faults == {}


def _faults_of(
    name: str, ask: Callable[[Any], None], questions: st.SearchStrategy[Any], *, examples: int
) -> dict[str, str]:
    """Ask, and return by name what went wrong with the smallest question that brings it about."""

    @effort(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(questions)
    def each(question: Any) -> None:
        ask(question)

    try:
        each()
    except Exception as error:  # noqa: BLE001 -- whatever it is: it is shown, with that of the other routes
        return {name: "".join(traceback.format_exception(error))[-2000:]}
    return {}


@pytest.mark.timeout(300)
def test_no_question_breaks_a_route(live_company: Company, client_of: ClientOf, world: World) -> None:
    client = client_of(live_company.manager_key)
    values = (
        _WORD
        | _NUMBER.map(str)
        | st.sampled_from(
            ["\x00", "1,2", "9" * 400, "true", "2026-01-31T08:00:00Z", "9999-12-31T23:59:59-12:00", "-1e999"]
        )
    )

    def ask(path: str, query: dict[str, str]) -> None:
        answer = client.get(world.address(path), query)
        if answer.status_code != 200:
            _is_refused(answer, 400, 404)

    faults = {}
    for _method, path in operations_in_turn(live_company, [("get", path) for path in READS]):
        parameters = describe_api()["paths"][path]["get"].get("parameters", [])
        names = [each["name"] for each in parameters if each["in"] == "query"]
        questions = st.dictionaries(st.sampled_from(names or ["x"]), values, max_size=4)
        faults |= _faults_of(path, partial(ask, path), questions, examples=30)
    assert faults == {}
