"""On a plan without a module its roles are given all the same: what the plan lacks goes unused, and nobody rises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from forgeline.base.errors import ForbiddenError
from forgeline.entitlements import rights
from forgeline.identity import keys, own_roles, people
from forgeline.identity.models import Membership, Role
from forgeline.identity.policy import Actor
from forgeline.identity.queries import actor_of_member, find_actor_by_key, list_memberships
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

SignIn = Callable[[Any], Client]


@pytest.fixture
def small(company: Company) -> Company:
    """A company whose plan has no modules; its manager is the owner."""
    with tenant_scope(company.tenant_id):
        rights.set_rights(limits={}, modules=[])
        Membership.objects.filter(user=company.manager).update(role=Role.OWNER)
    return company


def _owner(company: Company) -> Actor:
    [row] = list_memberships(company.manager.pk)
    return actor_of_member(row, user_id=company.manager.pk, label="Alice")


def _choose_plan(company: Company, modules: list[str]) -> None:
    with tenant_scope(company.tenant_id):
        rights.set_rights(limits={}, modules=modules)


def test_pages_offer_every_role(small: Company, sign_in: SignIn) -> None:
    browser = sign_in(small.manager)
    for page in ("/company/people/", "/company/keys/", "/company/partners/"):
        answer = browser.get(page)
        assert answer.status_code == 200
        offered = [key for key, _title in answer.context["form"].fields["role"].choices if key]
        wanted = {"manager", "engineer", "maintenance", "operator", "viewer", "integrator"}
        assert set(offered) >= wanted, page


def test_people_and_keys_get_roles_that_hold_more_than_the_plan(small: Company) -> None:
    owner = _owner(small)
    assert not any(each.startswith("health.") for each in owner.permissions)
    with tenant_scope(small.tenant_id):
        row, _links = people.invite(email="dora@example.com", role=Role.MAINTENANCE, actor=owner)
        assert row.role == "maintenance"
        key = keys.make_key(name="ERP", role=Role.INTEGRATOR, actor=owner)[1]
    program = find_actor_by_key(key)
    assert program is not None
    assert not any(each.startswith("health.") for each in program.permissions)
    _choose_plan(small, ["health"])
    program = find_actor_by_key(key)
    assert program is not None
    assert any(each.startswith("health.") for each in program.permissions)
    assert program.shut == frozenset()


def test_nobody_gives_what_only_a_larger_plan_would_open(small: Company) -> None:
    owner = _owner(small)
    with tenant_scope(small.tenant_id):
        plain = own_roles.copy_role(
            key=Role.MANAGER, name="Office", actor=owner, permissions=["identity.view", "identity.edit"]
        )
        Membership.objects.filter(user=small.manager).update(role=plain.key)
    office = _owner(small)
    assert office.shut == frozenset()
    with tenant_scope(small.tenant_id):
        assert [role.key for role in own_roles.list_givable(office)] == [plain.key]
        with pytest.raises(ForbiddenError, match="may more than you may"):
            people.invite(email="dora@example.com", role=Role.MAINTENANCE, actor=office)
        with pytest.raises(ForbiddenError, match="may more than you may"):
            own_roles.copy_role(
                key=plain.key, name="More", actor=office, permissions=["identity.view", "health.view"]
            )
