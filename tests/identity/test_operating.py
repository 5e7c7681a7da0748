"""The operator's deeds: visits in a member's place, partners, features; the first operator."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from forgeline.audit.models import Entry
from forgeline.base import clock
from forgeline.base.errors import ForbiddenError, InvalidInputError, NotFoundError
from forgeline.entitlements.rights import has_feature
from forgeline.identity import operating
from forgeline.identity.models import Impersonation, Membership
from forgeline.identity.policy import Actor
from forgeline.identity.queries import actor_of_member, list_memberships
from forgeline.identity.roles import OPERATE
from forgeline.tenancy.models import Tenant
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

SignIn = Callable[[Any], Client]


def actor_of(company: Company, user: Any) -> Actor:
    [row] = [each for each in list_memberships(user.pk) if each.tenant_id == company.tenant_id]
    return actor_of_member(row, user_id=user.pk, label=str(user))


def member_of(company: Company, user: Any) -> int:
    with tenant_scope(company.tenant_id):
        return int(Membership.objects.get(user=user).pk)


def visit(client: Client, company: Company, user: Any, reason: str = "call 4711") -> Any:
    return client.post(
        f"/operator/tenants/{company.tenant_id}/",
        {"visit": "1", "member": str(member_of(company, user)), "reason": reason},
    )


def entries(company: Company, action: str) -> list[Entry]:
    with tenant_scope(company.tenant_id):
        return list(Entry.objects.filter(action__startswith=action).order_by("id"))


def test_a_visit_shows_what_a_member_sees_and_is_written_down_there(
    live_company: Company, operator: Company, sign_in: SignIn
) -> None:
    client = sign_in(operator.manager)
    assert visit(client, live_company, live_company.manager, reason="").status_code == 422
    assert visit(client, live_company, live_company.manager).status_code == 302
    page = client.get("/").content.decode()
    assert "You see Alice Stamping as alice@example.com does" in page
    assert client.get("/api/v1/me/").json()["tenant_id"] == live_company.tenant_id
    made = client.post(
        "/setup/plants/new/", {"name": "North", "zone": "Asia/Shanghai"}, REMOTE_ADDR="10.9.9.9"
    )
    assert made.status_code == 302
    [begun] = entries(live_company, "identity.impersonation.made")
    assert (begun.who, begun.subject) == ("Olga (Forgeline Ops)", "alice@example.com")
    assert begun.changes["reason"] == [None, "call 4711"]
    done = [each for each in entries(live_company, "assets.") if each.subject == "North"]
    assert [(each.who, each.on_behalf, each.who_id, each.address) for each in done] == [
        ("Olga (Forgeline Ops)", "alice@example.com", operator.manager.pk, "10.9.9.9")
    ]
    assert client.post("/companies/", {}).status_code == 302
    assert client.get("/api/v1/me/").json()["tenant_id"] == operator.tenant_id
    with tenant_scope(live_company.tenant_id):
        assert Impersonation.objects.get().ended_at is not None


def test_a_visitor_changes_no_password_no_people_no_money_and_no_ownership(
    live_company: Company, operator: Company, sign_in: SignIn
) -> None:
    with tenant_scope(live_company.tenant_id):
        Membership.objects.filter(user=live_company.manager).update(role="owner")
    client = sign_in(operator.manager)
    visit(client, live_company, live_company.manager)
    for path in (
        "/account/factors/", "/account/password/", "/account/address/", "/account/sessions/", "/company/people/",
        "/company/keys/", "/company/roles/", "/company/partners/", "/company/plan/", "/operator/",
    ):  # fmt: skip
        assert client.get(path).status_code == 403, path
    for path in (
        "members/",
        "api-keys/",
        "invitations/",
        "partner-grants/",
        "subscription/",
        "operator/tenants/",
    ):
        assert client.get(f"/api/v1/{path}").status_code == 403, path
    assert client.get("/setup/").status_code == 200


@pytest.mark.parametrize("end", ["time", "operator kept out", "operator demoted", "member kept out"])
def test_a_visit_ends_with_its_time_and_with_its_people(
    live_company: Company, operator: Company, sign_in: SignIn, end: str
) -> None:
    client = sign_in(operator.manager)
    visit(client, live_company, live_company.viewer)
    assert client.get("/").status_code == 200
    # Another's number is nobody's visit.
    other = sign_in(operator.viewer)
    session = other.session
    session["impersonation_id"] = client.session["impersonation_id"]
    session.save()
    assert other.get("/").status_code == 403
    assert other.get("/api/v1/me/").json()["tenant_id"] == operator.tenant_id
    if end == "time":
        with tenant_scope(live_company.tenant_id):
            row = Impersonation.objects.get()
            assert row.expires_at - row.created_at <= timedelta(minutes=30, seconds=5)
            Impersonation.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    elif end == "member kept out":
        with tenant_scope(live_company.tenant_id):
            Membership.objects.filter(user=live_company.viewer).update(deactivated_at=clock.now())
    else:
        facts = {"role": "viewer"} if end == "operator demoted" else {"deactivated_at": clock.now()}
        with tenant_scope(operator.tenant_id):
            Membership.objects.filter(user=operator.manager).update(**facts)
    assert client.post("/setup/plants/new/", {"name": "West", "zone": "UTC"}).status_code == 403
    assert "Alice Stamping" not in client.get("/").content.decode()
    assert not [each for each in entries(live_company, "assets.") if each.subject == "West"]


def test_only_the_operators_managers_operate(live_company: Company, operator: Company) -> None:
    otto, alice = actor_of(operator, operator.viewer), actor_of(live_company, live_company.manager)
    number = member_of(live_company, live_company.viewer)
    for actor in (otto, alice):
        assert not actor.has_permission(OPERATE)
        for deed in (
            lambda actor=actor: operating.impersonate(
                live_company.tenant_id, number, reason="because", actor=actor
            ),
            lambda actor=actor: operating.name_partner(live_company.tenant_id, is_partner=True, actor=actor),
            lambda actor=actor: operating.switch_feature(
                live_company.tenant_id, "webhooks", False, actor=actor
            ),
        ):
            with pytest.raises((ForbiddenError, NotFoundError)), tenant_scope(actor.tenant_id):
                deed()
    with tenant_scope(live_company.tenant_id):
        assert Tenant.objects.get().kind == "company"
        assert not Impersonation.objects.exists()


def test_partners_are_named_and_unnamed_and_the_company_hears_of_it(
    live_company: Company, operator: Company, sign_in: SignIn
) -> None:
    client = sign_in(operator.manager)
    address = f"/operator/tenants/{live_company.tenant_id}/"
    assert client.post(address, {"partner": "yes"}).status_code == 302
    assert sign_in(live_company.viewer).get("/customers/").status_code == 200
    [entry] = [each for each in entries(live_company, "tenancy.company.changed") if "kind" in each.changes]
    assert entry.changes["kind"] == ["company", "partner"]
    assert entry.who == "Olga"
    client.post(address, {"partner": "no"})
    assert sign_in(live_company.viewer).get("/customers/").status_code == 403
    # The operator stays what it is.
    client.post(f"/operator/tenants/{operator.tenant_id}/", {"partner": "yes"})
    with tenant_scope(operator.tenant_id):
        assert Tenant.objects.get().kind == "operator"


def test_a_feature_is_switched_off_for_one_company_alone(
    live_company: Company, live_stranger: Company, operator: Company, sign_in: SignIn
) -> None:
    client, alice = sign_in(operator.manager), sign_in(live_company.manager)
    address = f"/operator/tenants/{live_company.tenant_id}/"
    assert alice.get("/company/webhooks/").status_code == 200
    client.post(address, {"feature": "webhooks", "to": "off"})
    assert not has_feature(live_company.tenant_id, "webhooks")
    answer = alice.get("/company/webhooks/")
    assert answer.status_code == 403
    assert "switched off" in answer.content.decode()
    assert alice.get("/api/v1/webhooks/").status_code == 403
    assert "/company/webhooks/" not in alice.get("/company/audit/").content.decode()
    assert sign_in(live_stranger.manager).get("/company/webhooks/").status_code == 200
    [entry] = entries(live_company, "entitlements.feature.changed")
    assert (entry.who, entry.subject, entry.changes) == (
        "Olga (Forgeline Ops)", "webhooks", {"is_on": [None, False]},
    )  # fmt: skip
    client.post(address, {"feature": "webhooks", "to": "plan"})
    assert alice.get("/company/webhooks/").status_code == 200
    actor = actor_of(operator, operator.manager)
    with pytest.raises(InvalidInputError), tenant_scope(operator.tenant_id):
        operating.switch_feature(live_company.tenant_id, "nothing", False, actor=actor)


def test_the_first_operator_is_made_by_a_command(live_company: Company) -> None:
    out = io.StringIO()
    call_command("make_operator", email="Alice@example.com", company="Ops", stdout=out)
    call_command("make_operator", email="new@example.com", stdout=out)
    assert "new@example.com is an owner of Ops" in out.getvalue()
    assert "at the foot of the side bar" in out.getvalue().splitlines()[1]
    rows = list_memberships(live_company.manager.pk)
    assert [(row.tenant_name, row.kind, row.role) for row in rows] == [
        ("Alice Stamping", "company", "manager"), ("Ops", "operator", "owner"),
    ]  # fmt: skip
    with pytest.raises(CommandError):
        call_command("make_operator", email="nobody")


def test_the_console_refused_offers_the_way_to_the_operators_company(
    live_company: Company, sign_in: SignIn
) -> None:
    client = sign_in(live_company.manager)
    refused = client.get("/operator/")
    assert (refused.status_code, 'name="company"' in refused.content.decode()) == (403, False)
    call_command("make_operator", email=live_company.manager.email, company="Ops", stdout=io.StringIO())
    page = client.get("/operator/").content.decode()
    assert "You may do this at Ops: go there first." in page
    [number] = re.findall(r'name="company" value="(\d+)"', page)
    assert "/sign-out/" in page
    client.post("/companies/", {"company": number})
    assert client.get("/operator/").status_code == 200


def test_whoever_has_another_company_first_ends_a_visit_at_the_console(
    live_company: Company, live_stranger: Company, sign_in: SignIn
) -> None:
    boss = live_stranger.manager
    call_command("make_operator", email=boss.email, company="Ops", stdout=io.StringIO())
    ops = next(row.tenant_id for row in list_memberships(boss.pk) if row.tenant_name == "Ops")
    client = sign_in(boss)
    client.post("/companies/", {"company": str(ops)})
    for end in ("button", "time"):
        assert visit(client, live_company, live_company.viewer).status_code == 302
        assert client.get("/api/v1/me/").json()["tenant_id"] == live_company.tenant_id
        if end == "button":
            answer = client.post("/companies/", {}, follow=True)
            assert (answer.status_code, answer.request["PATH_INFO"]) == (
                200, f"/operator/tenants/{live_company.tenant_id}/",
            )  # fmt: skip
        else:
            with tenant_scope(live_company.tenant_id):
                Impersonation.objects.update(expires_at=clock.now())
            assert client.get("/").status_code == 403
        assert client.get("/api/v1/me/").json()["tenant_id"] == ops


def test_a_module_that_the_operator_keeps_off_says_so(
    live_company: Company, operator: Company, sign_in: SignIn
) -> None:
    client, alice = sign_in(operator.manager), sign_in(live_company.manager)
    client.post(f"/operator/tenants/{live_company.tenant_id}/", {"feature": "health", "to": "off"})
    page = alice.get("/company/modules/").content.decode()
    assert "switched off by the operator of the service" in page
    assert "not in your plan" not in page
    assert alice.get("/health/").status_code == 403
    alice.post("/company/modules/", {"module": "health", "is_on": "1"})
    assert "has switched this off for your company" in alice.get("/company/modules/").content.decode()
    [told] = [row for row in alice.get("/api/v1/modules/").json() if row["module"] == "health"]
    assert (told["is_on"], told["is_in_plan"], told["is_withheld"]) == (False, False, True)
