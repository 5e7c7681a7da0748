"""Partners: let in by a customer, for a role, parts of the plant and a time; named in its audit; out at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from rest_framework.test import APIClient

from forgeline.alarms.models import Alarm
from forgeline.assets import services as assets
from forgeline.base import clock
from forgeline.base.errors import ForbiddenError, InvalidInputError
from forgeline.entitlements import rights
from forgeline.identity import partners
from forgeline.identity.models import Membership, PartnerGrant
from forgeline.identity.queries import actor_of_member, list_memberships
from forgeline.identity.roles import CUSTOMERS, OPERATE, PEOPLE
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company, name_kind
from tests.identity.visits import WEEK, SignIn, boss_of, entries, go_to, let_in


def test_a_partner_works_at_its_customer_under_its_own_name(
    live_company: Company, partner: Company, sign_in: SignIn
) -> None:
    client = sign_in(partner.manager)
    assert go_to(client, live_company).status_code == 404
    let_in(live_company, reason="commissioning of press 7")
    page = client.get("/customers/")
    assert "Alice Stamping" in page.content.decode()
    assert "commissioning of press 7" in page.content.decode()
    assert go_to(client, live_company).status_code == 302
    page = client.get("/")
    assert "You are at Alice Stamping for Charlie Castings" in page.content.decode()
    made = client.post(
        "/setup/plants/new/", {"name": "North", "zone": "Asia/Shanghai"}, REMOTE_ADDR="10.1.2.3"
    )
    assert made.status_code == 302
    [entry] = entries(live_company, "assets.site.made") or entries(live_company, "assets.plant.made")
    assert (entry.who, entry.on_behalf, entry.address) == (
        "Charlie (Charlie Castings)", "Charlie Castings", "10.1.2.3",
    )  # fmt: skip
    seen = entries(live_company, "identity.visit.seen")
    assert [(each.who, each.on_behalf, each.subject) for each in seen] == [
        ("Charlie (Charlie Castings)", "Charlie Castings", "Charlie Castings")
    ]
    [granted] = entries(live_company, "identity.partner.made")
    assert granted.subject == "Charlie Castings"
    assert entries(partner, "assets.") == []


def test_every_hour_of_a_visit_is_written_down_and_so_is_a_look_at_the_list(
    live_company: Company, partner: Company, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_in(live_company)
    client = sign_in(partner.manager)
    client.get("/customers/")
    assert len(entries(live_company, "identity.visit.seen")) == 1
    go_to(client, live_company)
    client.get("/")
    client.get("/setup/")
    assert len(entries(live_company, "identity.visit.seen")) == 1
    later = clock.now() + timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    client.get("/")
    client.get("/setup/")
    assert len(entries(live_company, "identity.visit.seen")) == 2


def test_partners_are_shut_out_where_letting_them_in_is_switched_off(
    live_company: Company, partner: Company, sign_in: SignIn
) -> None:
    let_in(live_company)
    client = sign_in(partner.manager)
    go_to(client, live_company)
    with tenant_scope(live_company.tenant_id):
        rights.switch("identity.partners", False)
    answer = client.get("/")
    assert (answer.status_code, "switched off" in answer.content.decode()) == (403, True)
    assert "Alice Stamping" not in client.get("/").content.decode()


@pytest.mark.parametrize("end", ["revoke", "expire", "leave the partner", "partner no more"])
def test_access_ends_with_the_next_click(
    live_company: Company, partner: Company, sign_in: SignIn, end: str
) -> None:
    grant = let_in(live_company)
    client = sign_in(partner.manager)
    go_to(client, live_company)
    assert client.get("/").status_code == 200
    if end == "revoke":
        with tenant_scope(live_company.tenant_id):
            partners.revoke_grant(grant.pk, actor=boss_of(live_company))
    elif end == "expire":
        with tenant_scope(live_company.tenant_id):
            PartnerGrant.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    elif end == "leave the partner":
        with tenant_scope(partner.tenant_id):
            Membership.objects.filter(user=partner.manager).update(deactivated_at=clock.now())
    else:
        name_kind(partner.tenant_id, "company")
    # What was meant for the customer must not be done at home, polls in the background notwithstanding.
    assert client.get("/notifications/bell/", headers={"HX-Request": "true"}).status_code == 403
    assert client.get("/api/v1/me/").status_code == 403
    answer = client.post("/setup/plants/new/", {"name": "West", "zone": "Asia/Shanghai"})
    assert answer.status_code == 403
    assert "any more" in answer.content.decode()
    for company in (live_company, partner):
        assert not [each for each in entries(company, "assets.") if each.subject == "West"]
    answer = client.get("/")
    assert answer.status_code == (403 if end == "leave the partner" else 200)
    # Said once more: a page in the background may have been the first to be told.
    assert "any more" in answer.content.decode()
    assert "any more" not in client.get("/").content.decode()
    assert "Alice Stamping" not in answer.content.decode()
    key_answer = client.get("/api/v1/me/")
    assert end == "leave the partner" or key_answer.json()["tenant_id"] == partner.tenant_id


def test_nobody_may_more_at_a_customer_than_at_home_and_never_its_people_its_money_or_itself(
    live_company: Company, partner: Company
) -> None:
    let_in(live_company, role="manager")

    def rights_of(user: Any) -> frozenset[str]:
        [row] = [each for each in list_memberships(user.pk) if not each.is_own]
        return actor_of_member(row, user_id=user.pk).permissions

    manager, viewer = rights_of(partner.manager), rights_of(partner.viewer)
    assert {"assets.edit", "web.edit", "audit.inspect"} <= manager
    assert not {"identity.own", PEOPLE, "billing.pay", CUSTOMERS, OPERATE} & manager
    assert viewer
    assert all(each.endswith(".view") for each in viewer)
    with tenant_scope(partner.tenant_id):
        Membership.objects.filter(user=partner.viewer).update(branches=["/1/"])
    assert all(each.is_own for each in list_memberships(partner.viewer.pk))


def test_a_grant_for_a_part_of_the_plant_shows_nothing_else(
    live_company: Company, partner: Company, sign_in: SignIn
) -> None:
    with tenant_scope(live_company.tenant_id):
        site = assets.create_site(name="North")
        one, two = (
            assets.create_asset(site_id=site.pk, level="work_unit", name=name)
            for name in ("Press 1", "Press 2")
        )
    let_in(live_company, branches=[one.path])
    client = sign_in(partner.manager)
    go_to(client, live_company)
    assert client.get(f"/machines/{one.pk}/").status_code == 200
    assert client.get(f"/machines/{two.pk}/").status_code == 404
    assert [row["name"] for row in client.get("/api/v1/assets/").json()["results"]] == ["Press 1"]
    for path in (
        "/company/people/",
        "/company/keys/",
        "/company/partners/",
        "/company/audit/",
        "/company/plan/",
    ):
        assert client.get(path).status_code == 403, path
    with tenant_scope(live_company.tenant_id):
        assert PartnerGrant.objects.get().branches == [one.path]


def test_a_new_grant_takes_the_place_of_the_former(live_company: Company, partner: Company) -> None:
    first = let_in(live_company, role="manager")
    second = let_in(live_company, role="viewer")
    [row] = [each for each in list_memberships(partner.manager.pk) if not each.is_own]
    assert row.role == "viewer"
    with tenant_scope(live_company.tenant_id):
        first.refresh_from_db()
        assert first.revoked_at is not None
        assert [each.pk for each in partners.list_grants()] == [second.pk, first.pk]


def test_a_button_that_is_pressed_twice_grants_once(live_company: Company, partner: Company) -> None:
    until = clock.now() + WEEK
    first, again = (let_in(live_company, expires_at=until, reason="commissioning") for _ in range(2))
    assert (first.pk, again.revoked_at) == (again.pk, None)
    assert len(entries(live_company, "identity.partner.")) == 1


def test_what_a_visitor_answers_to_an_alarm_stands_in_the_customers_audit(
    live_company: Company, partner: Company, sign_in: SignIn
) -> None:
    let_in(live_company)
    with tenant_scope(live_company.tenant_id):
        plant = assets.create_site(name="Hall", zone="UTC")
        press = assets.create_asset(site_id=plant.pk, level="work_unit", name="Press")
        alarm = Alarm.objects.create(asset=press, key="hot", definition={}, since_us=1, changed_us=1).pk
    for person, text in ((live_company.manager, "mine"), (partner.manager, "greased")):
        client = sign_in(person)
        go_to(client, live_company)
        answer = client.post(
            "/api/v1/alarms/comment/", {"alarms": [alarm], "text": text}, content_type="application/json"
        )
        assert answer.status_code == 200, answer.content
    [entry] = entries(live_company, "alarms.")
    assert (entry.action, entry.subject, entry.subject_id) == ("alarms.alarm.commented", "Press hot", alarm)
    assert (entry.who, entry.changes) == ("Charlie (Charlie Castings)", {"text": [None, "greased"]})
    page = sign_in(live_company.manager).get("/company/audit/").content.decode()
    assert "Press hot" in page


def test_what_cannot_be_granted(live_company: Company, partner: Company) -> None:
    for more, field in (
        ({"partner": "alice"}, "partner"), ({"partner": "nobody"}, "partner"),
        ({"expires_at": clock.now()}, "expires_at"), ({"expires_at": clock.now() + timedelta(days=400)}, "expires_at"),
        ({"branches": ["/999/"]}, "branches"),
    ):  # fmt: skip
        given = {
            "partner": "charlie", "role": "viewer", "expires_at": clock.now() + WEEK, "actor": boss_of(live_company),
        } | more  # fmt: skip
        with pytest.raises(InvalidInputError) as caught, tenant_scope(live_company.tenant_id):
            partners.grant_partner(**given)
        assert field in caught.value.data["fields"]
    with pytest.raises(ForbiddenError):
        let_in(live_company, role="owner")
    name_kind(partner.tenant_id, "company")
    with pytest.raises(InvalidInputError):
        let_in(live_company)


def test_by_page_and_by_api(live_company: Company, partner: Company, sign_in: SignIn) -> None:
    client = sign_in(live_company.manager)
    until = f"{clock.now() + WEEK:%Y-%m-%d}"
    facts = {"grant": "1", "partner": "charlie", "role": "maintenance", "until_on": until}
    assert client.post("/company/partners/", facts | {"partner": "nobody"}).status_code == 422
    assert client.post("/company/partners/", facts).status_code == 302
    assert "Charlie Castings" in client.get("/company/partners/").content.decode()
    with tenant_scope(live_company.tenant_id):
        first = partners.list_grants()[0]
    assert client.post("/company/partners/", {"revoke": str(first.pk)}).status_code == 302
    api = APIClient(headers={"Authorization": f"Bearer {live_company.manager_key}"})
    body = {"partner": "charlie", "role": "viewer", "expires_at": (clock.now() + WEEK).isoformat()}
    made = api.post("/api/v1/partner-grants/", body, format="json")
    assert (made.status_code, made.json()["partner_name"], made.json()["is_live"]) == (
        201, "Charlie Castings", True,
    )  # fmt: skip
    theirs = APIClient(headers={"Authorization": f"Bearer {partner.viewer_key}"})
    assert [row["name"] for row in theirs.get("/api/v1/customers/").json()] == ["Alice Stamping"]
    assert api.get("/api/v1/customers/").status_code == 403
    assert api.delete(f"/api/v1/partner-grants/{made.json()['id']}/").status_code == 204
    assert theirs.get("/api/v1/customers/").json() == []
    # A key of the partner is for the partner's own company, whatever it was granted.
    assert theirs.get("/api/v1/me/").json()["tenant_id"] == partner.tenant_id


def test_a_company_does_not_say_itself_what_it_is_and_hears_of_no_others_grants(
    live_company: Company, partner: Company
) -> None:
    let_in(live_company)
    for statement in (
        "UPDATE tenancy_tenant SET kind = 'operator'",
        "UPDATE tenancy_tenant SET kind = 'partner'",
        (
            "INSERT INTO tenancy_tenant (id, name, slug, language, industry, kind, adopts_unknown, created_at) VALUES"
            " (current_setting('forgeline.tenant_id')::bigint + 1000, 'x', 'x', 'en', '', 'operator', false, now())"
        ),
    ):
        with (
            pytest.raises(ProgrammingError),
            tenant_scope(live_company.tenant_id), connection.cursor() as cursor,
        ):  # fmt: skip
            cursor.execute(statement)
    with tenant_scope(live_company.tenant_id), connection.cursor() as cursor:
        for function in ("tenancy_is_operator()", f"tenancy_name_partner({live_company.tenant_id}, true)"):
            cursor.execute(f"SELECT {function}")
            assert cursor.fetchone() == (False,), function
        cursor.execute("SELECT count(*) FROM identity_list_customers()")
        assert cursor.fetchone() == (0,)
    with transaction.atomic(), tenant_scope(partner.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM identity_partnergrant")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT tenant_name FROM identity_list_customers()")
        assert cursor.fetchall() == [("Alice Stamping",)]
