"""A company begins with the modules of what it makes; afterwards it switches them itself (tests/apps)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from forgeline.assets.industries import INDUSTRIES
from forgeline.entitlements import rights
from forgeline.identity.switches import begin_with
from forgeline.modules import registry
from forgeline.modules.manifest import Manifest, NavigationItem
from forgeline.tenancy.models import Tenant
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company


@pytest.fixture(autouse=True)
def _two_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation with two modules, whose entries lead to pages that there are."""
    for key, title in (("energy", "Energy management"), ("mes", "Orders")):
        manifest = Manifest(
            key=key, title=title, permissions=(f"{key}.view",), is_switchable=True,
            navigation=(NavigationItem(title, "web:overview", f"{key}.view", section="modules"),),
        )  # fmt: skip
        monkeypatch.setitem(registry._MANIFESTS, key, manifest)


@pytest.mark.parametrize(
    ("industry", "switched_off"), [("foundry", {"mes"}), ("electronics", {"energy"}), ("plastics", set())]
)
def test_an_industry_picks_modules_and_profiles_at_sign_up(
    company: Company, settings: Any, industry: str, switched_off: set[str]
) -> None:
    settings.SIGN_UP = True
    given = {
        "company": "Crescent", "name": "Mei", "email": "mei@example.com", "password1": "three-grey-presses",
        "industry": industry, "zone": "Asia/Shanghai", "currency": "CNY",
    }  # fmt: skip
    assert Client().post("/sign-up/", given).status_code == 302
    from forgeline.identity.models import User
    from forgeline.identity.queries import list_memberships

    [membership] = list_memberships(User.objects.get(email="mei@example.com").pk)
    with tenant_scope(membership.tenant_id):
        assert Tenant.objects.get().industry == industry
        assert rights.rights_of(membership.tenant_id).switched_off == switched_off
    assert INDUSTRIES["foundry"].profiles[0] == "furnace"


def test_something_else_begins_with_everything(company: Company) -> None:
    with tenant_scope(company.tenant_id):
        begin_with(INDUSTRIES["other"].modules)
        assert rights.rights_of(company.tenant_id).switched_off == frozenset()
