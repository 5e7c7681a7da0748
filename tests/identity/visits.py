"""How tests let a partner in, go to its customer and look into an audit log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.test import Client

from forgeline.audit.models import Entry
from forgeline.base import clock
from forgeline.identity import partners
from forgeline.identity.models import PartnerGrant
from forgeline.identity.policy import Actor, permissions_of
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

SignIn = Callable[[Any], Client]
WEEK = timedelta(days=7)


def boss_of(company: Company, role: str = "owner") -> Actor:
    return Actor(company.tenant_id, role, user_id=company.manager.pk, permissions=permissions_of(role))


def let_in(company: Company, role: str = "engineer", **more: Any) -> PartnerGrant:
    with tenant_scope(company.tenant_id):
        given = {"expires_at": clock.now() + WEEK, "actor": boss_of(company), **more}
        return partners.grant_partner(partner="charlie", role=role, **given)


def go_to(client: Client, company: Company) -> Any:
    return client.post("/companies/", {"company": str(company.tenant_id)})


def entries(company: Company, action: str) -> list[Entry]:
    with tenant_scope(company.tenant_id):
        return list(Entry.objects.filter(action__startswith=action).order_by("id"))
