"""Roles as permission sets: a manager may do everything, a viewer only look."""

from __future__ import annotations

import pytest

from forgeline.base.errors import ForbiddenError
from forgeline.identity.own_roles import list_givable
from forgeline.identity.policy import Actor, permissions_of, require_permission
from forgeline.identity.roles import BUILT_IN
from forgeline.modules.registry import list_branch_permissions, list_permissions
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company


def test_owner_has_every_permission_and_viewer_those_that_look() -> None:
    every = set(list_permissions())
    assert permissions_of("owner") == every
    assert permissions_of("manager") == every - {"identity.own"}
    viewer = permissions_of("viewer")
    assert viewer
    assert viewer == {permission for permission in every if permission.endswith(".view")}


def test_each_role_may_what_its_work_needs() -> None:
    builds = {"assets.edit", "connectors.edit", "alarms.edit", "notifications.edit", "telemetry.write"}
    people = {"identity.edit", "identity.own"}
    engineer, operator = permissions_of("engineer"), permissions_of("operator")
    assert builds <= engineer
    assert not engineer & people
    assert "telemetry.manage" not in engineer
    assert "alarms.acknowledge" in operator
    assert not operator & (builds | people)
    assert permissions_of("maintenance") == operator | {"health.plan"}
    assert permissions_of("integrator") == engineer | {
        "telemetry.manage",
        "webhooks.manage",
        "health.manage",
        "jobs.manage",
    }


def test_nobody_gives_a_role_that_may_more(company: Company) -> None:
    def givable(role: str) -> list[str]:
        actor = Actor(tenant_id=1, role=role, permissions=permissions_of(role))
        return [each.key for each in list_givable(actor)]

    with tenant_scope(company.tenant_id):
        assert givable("owner") == list(BUILT_IN)
        assert "owner" not in givable("manager")
        assert "manager" in givable("manager")
        assert set(givable("engineer")) == {"engineer", "maintenance", "operator", "viewer"}
        assert givable("viewer") == ["viewer"]


def test_whoever_is_limited_to_a_branch_has_nothing_of_the_whole_company() -> None:
    limited = permissions_of("owner", branches=["/1/"])
    assert limited == set(list_branch_permissions())
    assert not limited & {
        "identity.edit",
        "identity.own",
        "connectors.edit",
        "notifications.edit",
        "telemetry.manage",
    }


def test_unknown_role_only_looks() -> None:
    assert permissions_of("owner-of-everything") == permissions_of("viewer")


def test_missing_permission_is_named() -> None:
    actor = Actor(tenant_id=1, role="viewer", permissions=permissions_of("viewer"))
    require_permission(actor, "assets.view")
    with pytest.raises(ForbiddenError) as caught:
        require_permission(actor, "assets.edit")
    assert caught.value.key == "identity.forbidden"
    assert caught.value.data == {"permission": "assets.edit"}


def test_actor_without_permissions_may_nothing() -> None:
    assert not Actor(tenant_id=1, role="manager").has_permission("assets.view")
