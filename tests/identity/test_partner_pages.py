"""The customer's page of its partners: change, confirm, what is over, switched off; and the partner's own pages."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from rest_framework.test import APIClient

from forgeline.assets import services as assets
from forgeline.base import clock
from forgeline.entitlements import rights
from forgeline.identity import partners
from forgeline.identity.models import PartnerGrant
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company, name_kind
from tests.identity.visits import WEEK, SignIn, boss_of, entries, go_to, let_in

PAGE = "/company/partners/"


def make_presses(company: Company) -> list[str]:
    """Two machines of one plant; returns their paths."""
    with tenant_scope(company.tenant_id):
        site = assets.create_site(name="North", zone="Asia/Shanghai")
        return [
            assets.create_asset(site_id=site.pk, level="work_unit", name=name).path
            for name in ("Press 1", "Press 2")
        ]


def last_day(days: int) -> str:
    return f"{datetime.now(ZoneInfo('Asia/Shanghai')).date() + timedelta(days=days)}"


def live_of(company: Company) -> list[tuple[str, list[str]]]:
    with tenant_scope(company.tenant_id):
        return [(row.role, row.branches) for row in partners.list_live()]


def test_change_fills_the_form_with_the_whole_grant_and_another_day_alone_is_saved_at_once(
    live_company: Company, partner: Company, sign_in: SignIn
) -> None:
    one, _two = make_presses(live_company)
    client = sign_in(live_company.manager)
    given = {
        "grant": "1", "partner": "charlie", "role": "viewer", "branches": [one], "until_on": last_day(3),
        "reason": "commissioning",
    }  # fmt: skip
    assert client.post(PAGE, given).status_code == 302
    shown = client.get(PAGE).content.decode()
    for word in ('<code class="tiny">charlie</code>', "Viewer", "Press 1", last_day(3), "Change"):
        assert word in shown, word
    [link] = re.findall(r'href="(\?change=\d+)#let-in"', shown)
    form = client.get(PAGE + link).content.decode()
    form = form[form.index('id="let-in"') :]
    for word in (
        'value="charlie"', '<option value="viewer" selected>', f'value="{last_day(3)}"', 'value="commissioning"',
    ):  # fmt: skip
        assert word in form, word
    ticked = re.findall(r'name="branches" value="([^"]+)"[^>]* checked', form)
    assert ticked == [one]
    assert client.post(PAGE + link, given | {"until_on": last_day(9)}).status_code == 302
    shown = client.get(PAGE).content.decode()
    assert "What Charlie Castings may is changed." in shown
    assert last_day(9) in shown
    assert live_of(live_company) == [("viewer", [one])]


def test_more_than_before_is_told_from_old_to_new_and_confirmed_first(
    live_company: Company, partner: Company, sign_in: SignIn
) -> None:
    one, two = make_presses(live_company)
    let_in(live_company, role="viewer", branches=[one])
    client = sign_in(live_company.manager)
    given = {"grant": "1", "partner": "Charlie", "role": "viewer", "until_on": last_day(9), "reason": "belt"}
    for more in ({}, {"branches": [one, two]}, {"branches": [one], "role": "operator"}):
        asked = client.post(PAGE, given | more)
        assert asked.status_code == 422, more
        assert "Charlie Castings may come in already" in asked.content.decode()
        assert live_of(live_company) == [("viewer", [one])]
    asked_page = client.post(PAGE, given | {"role": "operator"}).content.decode()
    told = re.findall(r"<td>([^<]+)</td><td>(?:<b>)?([^<]+)", asked_page)
    assert told[:2] == [("Viewer", "Operator"), ("Press 1", "the whole company")]
    # Nothing typed is lost, and what was confirmed is just what was told.
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', asked_page))
    assert hidden.items() >= {"partner": "Charlie", "role": "operator", "reason": "belt"}.items()
    hidden = {name: unescape(value) for name, value in hidden.items() if name != "csrfmiddlewaretoken"}
    other = client.post(PAGE, hidden | {"grant": "1", "role": "maintenance"})
    assert other.status_code == 422
    assert client.post(PAGE, hidden | {"grant": "1"}).status_code == 302
    assert live_of(live_company) == [("operator", [])]
    # Less than before needs no second word.
    assert client.post(PAGE, given | {"role": "operator", "branches": [one]}).status_code == 302
    assert live_of(live_company) == [("operator", [one])]
    over = client.get(PAGE).content.decode()
    over = over[over.index(">Over<") :]
    assert "Charlie Castings · Operator · the whole company" in over
    assert "Charlie Castings · Viewer · Press 1" in over
    assert over.count("another one took its place") == 2


def test_a_role_that_the_reader_may_not_give_is_chosen_anew(
    live_company: Company, partner: Company, sign_in: SignIn
) -> None:
    let_in(live_company)
    with tenant_scope(live_company.tenant_id):
        PartnerGrant.objects.update(role="own-gone")
    form = sign_in(live_company.manager).get(f"{PAGE}?change={partner.tenant_id}").content.decode()
    assert '<option value="own-gone"' not in form
    options = re.findall(r"<option value=\"([^\"]*)\"( selected)?", form)
    assert options[0] == ("", "")
    assert not [role for role, chosen in options if chosen]


def test_a_day_is_refused_as_a_day(live_company: Company, partner: Company, sign_in: SignIn) -> None:
    make_presses(live_company)
    client = sign_in(live_company.manager)
    for days in (-1, 366):
        answer = client.post(
            PAGE, {"grant": "1", "partner": "charlie", "role": "viewer", "until_on": last_day(days)}
        )
        assert answer.status_code == 422
        assert "Choose a day from today on, at most a year ahead." in answer.content.decode()
    for days in (0, 365):
        given = {"grant": "1", "partner": "charlie", "role": "viewer", "until_on": last_day(days)}
        assert client.post(PAGE, given).status_code == 302, days


def test_nothing_is_read_of_a_customer_that_may_let_nobody_in_and_it_still_takes_back(
    live_company: Company, partner: Company, sign_in: SignIn
) -> None:
    grant = let_in(live_company)
    client, own = sign_in(partner.manager), sign_in(live_company.manager)
    go_to(client, live_company)
    with tenant_scope(live_company.tenant_id):
        rights.switch("identity.partners", False)
    seen = len(entries(live_company, "identity.visit.seen"))
    # The visit ends with the true reason, on the page and on the next one.
    reason = "the operator of the service has switched off for it that it lets partners in"
    for _page in range(2):
        page = client.get("/").content.decode()
        assert reason in page
        assert not {"expired", "any more"} & set(re.findall("expired|any more", page))
    page = client.get("/customers/").content.decode()
    assert "The operator of the service has switched off for this company" in page
    assert "Go there" not in page
    assert "data-ts" not in page
    assert (
        "The operator of the service has switched off for this company"
        in client.get("/companies/").content.decode()
    )
    refused = go_to(client, live_company)
    assert refused.status_code == 403
    assert "switched off for Alice Stamping" in refused.content.decode()
    assert client.get("/api/v1/me/").json()["tenant_id"] == partner.tenant_id
    theirs = APIClient(headers={"Authorization": f"Bearer {partner.viewer_key}"})
    [told] = theirs.get("/api/v1/customers/").json()
    assert told["is_switched_off"]
    assert len(entries(live_company, "identity.visit.seen")) == seen
    # The customer sees what it granted, makes nothing new, and takes it back.
    page = own.get(PAGE).content.decode()
    assert "switched off for your company" in page
    assert "Charlie Castings" in page
    assert 'id="let-in"' not in page
    assert PAGE in own.get("/company/audit/").content.decode()
    given = {"grant": "1", "partner": "charlie", "role": "viewer", "until_on": last_day(9)}
    assert "has switched this off" in own.post(PAGE, given, follow=True).content.decode()
    api = APIClient(headers={"Authorization": f"Bearer {live_company.manager_key}"})
    body = {"partner": "charlie", "role": "viewer", "expires_at": (clock.now() + WEEK).isoformat()}
    refused = api.post("/api/v1/partner-grants/", body, format="json")
    assert (refused.status_code, refused.json()["key"]) == (403, "entitlements.switched_off")
    assert [row["is_live"] for row in api.get("/api/v1/partner-grants/").json()["results"]] == [True]
    assert api.get("/api/v1/partner-belongings/").status_code == 200
    assert own.post(PAGE, {"revoke": str(grant.pk)}).status_code == 302
    [row] = api.get("/api/v1/partner-grants/").json()["results"]
    assert (row["is_live"], row["ending"]) == (False, "taken_back")


def test_a_visitor_hears_of_a_changed_access_in_the_audit_at_once(
    live_company: Company, partner: Company, sign_in: SignIn
) -> None:
    let_in(live_company, role="viewer")
    client = sign_in(partner.manager)
    go_to(client, live_company)
    client.get("/")
    let_in(live_company, role="engineer")
    for _click in range(2):
        client.get("/")
        client.get("/alarms/")
    assert len(entries(live_company, "identity.visit.seen")) == 2


@pytest.mark.parametrize("path", ["people/", "keys/", "partners/", "data/", "plan/"])
def test_what_no_visitor_may_is_said_so_and_the_rest_is_asked_for(
    live_company: Company, partner: Company, sign_in: SignIn, path: str
) -> None:
    let_in(live_company, role="viewer")
    client = sign_in(partner.manager)
    go_to(client, live_company)
    page = client.get(f"/company/{path}").content.decode()
    assert "no access lets a visitor to them" in page
    assert "let you do more" not in page
    assert "Back to your company" in page
    if path == "people/":
        assert "Go back to your own company for it." in client.get("/operator/").content.decode()
        assert "let you do more" in client.get("/company/audit/").content.decode()


def test_a_visit_of_one_who_has_several_companies_ends_where_it_began(
    live_company: Company, partner: Company, operator: Company, sign_in: SignIn
) -> None:
    """Olga belongs to a company of her own first, and to the partner."""
    with tenant_scope(partner.tenant_id):
        from forgeline.identity.models import Membership

        Membership.objects.create(user=operator.manager, role="engineer")
    let_in(live_company)
    client = sign_in(operator.manager)
    go_to(client, partner)
    go_to(client, live_company)
    assert "You are at Alice Stamping" in client.get("/").content.decode()
    client.post("/companies/", {})
    assert client.get("/api/v1/me/").json()["tenant_id"] == partner.tenant_id
    # Also where the visit ends by itself.
    go_to(client, live_company)
    with tenant_scope(live_company.tenant_id):
        partners.revoke_grant(partners.list_live()[0].pk, actor=boss_of(live_company))
    assert client.get("/").status_code == 403
    assert client.get("/api/v1/me/").json()["tenant_id"] == partner.tenant_id
    # Whoever goes home instead is at home.
    go_to(client, operator)
    client.post("/companies/", {})
    assert client.get("/api/v1/me/").json()["tenant_id"] == operator.tenant_id


def test_an_access_that_ended_with_the_partner_says_so_and_nothing_revives_it(
    live_company: Company, partner: Company, operator: Company, sign_in: SignIn
) -> None:
    let_in(live_company)
    client = sign_in(operator.manager)
    address = f"/operator/tenants/{partner.tenant_id}/"
    assert client.post(address, {"partner": "no"}).status_code == 302
    assert live_of(live_company) == []
    page = sign_in(live_company.manager).get(PAGE).content.decode()
    assert "the company is no partner any more" in page
    [changed] = entries(live_company, "identity.partner.changed")
    assert (changed.who, changed.changes["ending"]) == ("Olga (Forgeline Ops)", ["", "no_partner"])
    assert client.post(address, {"partner": "yes"}).status_code == 302
    assert live_of(live_company) == []
    assert "Alice Stamping" not in sign_in(partner.manager).get("/customers/").content.decode()


def test_another_partners_grants_stay_when_one_is_none_any_more(
    live_company: Company, partner: Company, operator: Company, sign_in: SignIn
) -> None:
    name_kind(operator.tenant_id, "partner")
    with tenant_scope(live_company.tenant_id):
        given = {"expires_at": clock.now() + WEEK, "actor": boss_of(live_company), "role": "viewer"}
        partners.grant_partner(partner="ops", **given)
        partners.grant_partner(partner="charlie", **given)
    name_kind(operator.tenant_id, "operator")
    with tenant_scope(live_company.tenant_id):
        assert partners.list_live().count() == 2
    sign_in(operator.manager).post(f"/operator/tenants/{partner.tenant_id}/", {"partner": "no"})
    with tenant_scope(live_company.tenant_id):
        assert [row.partner_id for row in partners.list_live()] == [operator.tenant_id]
