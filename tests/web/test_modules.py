"""Modules are switched on by a company: at sign-up by what it makes, afterwards on a page; the others are shut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from forgeline.assets.industries import INDUSTRIES
from forgeline.audit.models import Entry
from forgeline.entitlements import rights
from forgeline.identity.switches import begin_with
from forgeline.modules import registry
from forgeline.modules.manifest import Manifest, NavigationItem
from forgeline.tenancy.models import Tenant
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

SignIn = Callable[[Any], Client]


@pytest.fixture(autouse=True)
def _two_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation with two modules, whose entries lead to pages that there are."""
    for key, title in (("energy", "Energy management"), ("mes", "Orders")):
        manifest = Manifest(
            key=key, title=title, permissions=(f"{key}.view",), is_switchable=True,
            navigation=(NavigationItem(title, "web:overview", f"{key}.view", section="modules"),),
        )  # fmt: skip
        monkeypatch.setitem(registry._MANIFESTS, key, manifest)


def test_what_is_switched_off_leaves_the_pages(company: Company, stranger: Company, sign_in: SignIn) -> None:
    client = sign_in(company.manager)
    assert "Energy management" in client.get("/alarms/").content.decode()
    assert client.get("/energy/").status_code == 404
    assert client.post("/company/modules/", {"module": ["mes"]}).status_code == 302
    page = client.get("/alarms/").content.decode()
    assert "Energy management" not in page
    assert "Orders" in page
    shut = client.get("/energy/")
    assert shut.status_code == 403
    assert "switches it on under Company, Modules" in shut.content.decode()
    assert "Energy management" in sign_in(stranger.manager).get("/alarms/").content.decode()
    with tenant_scope(company.tenant_id):
        entry = Entry.objects.get(action="identity.modules.switched")
    assert entry.changes == {"modules": [None, "mes"]}
    client.post("/company/modules/", {"module": ["mes", "energy"]})
    assert client.get("/energy/").status_code == 404


def test_a_plan_without_a_module_says_so(company: Company, sign_in: SignIn) -> None:
    with tenant_scope(company.tenant_id):
        rights.set_chosen(["energy", "mes"])
        rights.set_rights(limits={}, modules=["mes"])
        # What the company chose outlives a change of its plan.
        assert rights.rights_of(company.tenant_id).chosen == {"energy", "mes"}
    client = sign_in(company.manager)
    assert "Your plan does not hold it" in client.get("/energy/").content.decode()
    assert "Your plan does not hold it" in client.get("/company/modules/").content.decode()


def test_managers_switch_and_nobody_else(company: Company, sign_in: SignIn) -> None:
    viewer = sign_in(company.viewer)
    assert viewer.post("/company/modules/", {"module": []}).status_code == 403
    client = sign_in(company.manager)
    client.post("/company/modules/", {"module": ["nothing"]})
    assert rights.rights_of(company.tenant_id).chosen is None


@pytest.mark.parametrize(
    ("industry", "begins_with"), [("foundry", {"energy"}), ("plastics", {"energy", "mes"})]
)
def test_an_industry_picks_modules_and_profiles_at_sign_up(
    company: Company, settings: Any, industry: str, begins_with: set[str]
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
        assert rights.rights_of(membership.tenant_id).chosen == begins_with
    assert INDUSTRIES["foundry"].profiles[0] == "furnace"


def test_something_else_begins_with_everything(company: Company) -> None:
    with tenant_scope(company.tenant_id):
        begin_with(INDUSTRIES["other"].modules)
        assert rights.rights_of(company.tenant_id).chosen is None
