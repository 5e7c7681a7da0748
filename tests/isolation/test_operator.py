"""The operator's doors are shut to everybody else, by page, API and raw SQL; past them the operator itself, and a
partner without a grant, see nothing of a company.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from forgeline.telemetry import ingest
from forgeline.tenancy.scoping import tenant_scope
from tests.api.world import make_world
from tests.conftest import Company, name_kind
from tests.isolation.attack import list_probes
from tests.isolation.test_attack import _attack, _by_key, _by_session, _possessions

pytestmark = pytest.mark.timeout(300)
SignIn = Callable[[Any], Client]
FUNCTIONS = """
    SELECT p.proname, pg_get_function_identity_arguments(p.oid) FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE '%\\_operator\\_%'
"""
PAGES = ("", "costs/", "seller/", "announcements/", "health/", "gone/", "gone/1/", "tenants/1/invoices/1.pdf")


@pytest.fixture(autouse=True)
def _fresh_ingest() -> Iterator[None]:
    yield
    ingest.reset()


def _calls(tenant_id: int) -> list[str]:
    """One call of each function for the operator, taken from the catalogue, so that a new one is attacked too."""
    values = {
        "text": "''", "integer": "10",
        "bigint": str(tenant_id), "timestamp with time zone": "'2000-01-01'::timestamptz",
        "date": "'2000-01-01'::date",
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(FUNCTIONS)
        found = cursor.fetchall()
    calls = []
    for name, arguments in found:
        kinds = [part.strip().split(" ", 1)[1] for part in arguments.split(",") if part.strip()]
        given = [values[kind] for kind in kinds]
        if kinds[-2:] in (["timestamp with time zone"] * 2, ["date"] * 2):
            given[-1] = given[-1].replace("2000", "2999")
        calls.append(f"SELECT * FROM {name}({', '.join(given)})")
    return sorted(calls)


def _told(tenant_id: int | None, call: str) -> list[Any]:
    """What a function answers in a scope: rows in which anything stands but zeros."""
    if tenant_id is None:
        with connection.cursor() as cursor:
            cursor.execute(call)
            rows = cursor.fetchall()
    else:
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            cursor.execute(call)
            rows = cursor.fetchall()
    return [row for row in rows if any(row)]


def test_raw_sql_as_the_application_tells_nobody_but_the_operator(
    live_company: Company, live_stranger: Company, operator: Company
) -> None:
    make_world(live_company, _by_key(live_company.manager_key))
    calls = _calls(live_company.tenant_id)
    assert len(calls) >= 9
    name_kind(live_stranger.tenant_id, "partner")
    for tenant_id in (None, live_company.tenant_id, live_stranger.tenant_id):
        told = {call: found for call in calls if (found := _told(tenant_id, call))}
        assert told == {}, tenant_id
    # In a branch of the operator's own plant it is nobody either.
    with tenant_scope(operator.tenant_id, branches=["/1/"]), connection.cursor() as cursor:
        cursor.execute("SELECT tenancy_is_operator()")
        assert cursor.fetchone() == (False,)
    # The counter-test: the operator is told, and the company's name among it.
    told = {call: found for call in calls if (found := _told(operator.tenant_id, call))}
    assert len(told) >= 5
    assert "Alice Stamping" in str(told)
    assert "alice@example.com" in str(told)


@pytest.mark.parametrize("who", ["manager", "viewer", "operator's viewer", "partner", "nobody"])
def test_pages_and_api_are_shut(
    live_company: Company, live_stranger: Company, operator: Company, sign_in: SignIn, who: str
) -> None:
    name_kind(live_stranger.tenant_id, "partner")
    user = {
        "manager": live_company.manager, "viewer": live_company.viewer, "operator's viewer": operator.viewer,
        "partner": live_stranger.manager,
    }.get(who)  # fmt: skip
    client = Client() if user is None else sign_in(user)
    expected = {302} if user is None else {403}
    for page in (*PAGES, f"tenants/{live_stranger.tenant_id}/"):
        answer = client.get(f"/operator/{page}")
        assert answer.status_code in expected, page
    for deed in ({"partner": "yes"}, {"trial": "CNY"}, {"feature": "webhooks", "to": "off"}, {"visit": "1"}):
        assert client.post(f"/operator/tenants/{live_company.tenant_id}/", deed).status_code in expected
    for path in (
        "tenants/",
        f"tenants/{live_company.tenant_id}/",
        "margins/",
        "unit-costs/",
        "seller/",
        "announcements/",
    ):
        assert client.get(f"/api/v1/operator/{path}").status_code in {401, 403}
    with tenant_scope(live_company.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT kind FROM tenancy_tenant")
        assert cursor.fetchall() == [("company",)]


@pytest.mark.parametrize("kind", ["operator", "partner"])
def test_past_the_doors_neither_operator_nor_partner_gets_anything(
    live_company: Company, operator: Company, kind: str
) -> None:
    name_kind(operator.tenant_id, kind)
    world = make_world(live_company, _by_key(live_company.manager_key))
    before = _possessions(live_company)
    probes = [
        probe for probe in list_probes(world, {})
        if not probe.address.startswith(("/operator/", "/api/v1/operator/"))
    ]  # fmt: skip
    tally = _attack(f"a manager of the {kind}, by session", _by_session(operator.manager), probes)
    assert tally.leaks == []
    assert _possessions(live_company) == before
