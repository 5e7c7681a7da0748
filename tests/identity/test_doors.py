"""A partner's customers lie behind the partner's own door: open to whom its provider lets in, shut to the others."""

from __future__ import annotations

from datetime import timedelta

import pytest

from forgeline.base import clock
from forgeline.identity import partners
from forgeline.identity.doors import SESSION_DOOR, sort_memberships
from forgeline.identity.models import User
from forgeline.identity.policy import Actor, permissions_of
from forgeline.sso.models import Domain, Provider
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company, name_kind


@pytest.fixture
def customer(live_company: Company, live_stranger: Company) -> Company:
    """Alice's company, which lets Charlie's in."""
    name_kind(live_stranger.tenant_id, "partner")
    boss = Actor(
        live_company.tenant_id, "owner", user_id=live_company.manager.pk, permissions=permissions_of("owner")
    )
    with tenant_scope(live_company.tenant_id):
        partners.grant_partner(
            partner="charlie", role="viewer", expires_at=clock.now() + timedelta(days=1), actor=boss
        )
    return live_company


def test_the_partners_provider_opens_its_customers_and_the_customers_own_does_not(
    customer: Company, live_stranger: Company
) -> None:
    at_partner = _have_provider(live_stranger, "example.com", is_required=False)
    at_customer = _have_provider(customer, "example.org", is_required=False)
    person: User = live_stranger.viewer
    assert _opened(person, None) == [live_stranger.tenant_id, customer.tenant_id]
    assert _opened(person, [live_stranger.tenant_id, at_partner]) == [
        live_stranger.tenant_id,
        customer.tenant_id,
    ]
    assert _opened(person, [customer.tenant_id, at_customer]) == []
    assert _opened(person, [live_stranger.tenant_id, at_partner + 1]) == [], "the provider was changed since"


def test_who_must_come_by_the_partners_provider_comes_to_no_customer_by_a_password(
    customer: Company, live_stranger: Company
) -> None:
    at_partner = _have_provider(live_stranger, "example.com", is_required=True)
    person: User = live_stranger.viewer
    assert _opened(person, None) == []
    assert _opened(person, [live_stranger.tenant_id, at_partner]) == [
        live_stranger.tenant_id,
        customer.tenant_id,
    ]


def test_what_a_customer_asks_of_its_own_people_is_not_asked_of_a_partners(
    customer: Company, live_stranger: Company
) -> None:
    _have_provider(customer, "example.com", is_required=True)
    assert _opened(live_stranger.viewer, None) == [live_stranger.tenant_id, customer.tenant_id]
    assert _opened(customer.viewer, None) == []


def _have_provider(company: Company, domain: str, *, is_required: bool) -> int:
    """Have a company a provider, and the domain as proven; returns its generation."""
    with tenant_scope(company.tenant_id):
        Provider.objects.create(
            discovery_url=f"https://{domain}", issuer=f"https://{domain}", client_id="x", secret_sealed="x",
            generation=3, is_required=is_required,
        )  # fmt: skip
        Domain.objects.create(name=domain, token="x", proven_at=clock.now())
    return 3


def _opened(person: User, door: list[int] | None) -> list[int]:
    session = {} if door is None else {SESSION_DOOR: door}
    return [row.tenant_id for row in sort_memberships(person.pk, session).opened]
