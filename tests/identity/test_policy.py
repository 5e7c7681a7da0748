"""Roles as permission sets: a manager may do everything, a viewer only look."""

from __future__ import annotations

import pytest

from forgeline.base.errors import ForbiddenError
from forgeline.identity.policy import Actor, permissions_of, require_permission
from forgeline.modules.registry import list_permissions


def test_manager_has_every_permission_and_viewer_those_that_look() -> None:
    every = set(list_permissions())
    assert permissions_of("manager") == every
    viewer = permissions_of("viewer")
    assert viewer
    assert viewer == {permission for permission in every if permission.endswith(".view")}


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
