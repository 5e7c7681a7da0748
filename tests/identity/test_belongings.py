"""What a partner's people set up stops with their access, and serves again as the customer's own."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from forgeline.base import clock
from forgeline.identity import belongings, partners
from forgeline.identity.models import Membership, PartnerGrant
from forgeline.identity.policy import Actor
from forgeline.identity.queries import actor_of_member, list_memberships
from forgeline.notifications.editing.channels import create_channel
from forgeline.notifications.models import Channel
from forgeline.tenancy.scoping import tenant_scope
from forgeline.webhooks import services as webhooks
from forgeline.webhooks.models import Endpoint
from tests.conftest import Company, name_kind
from tests.identity.visits import SignIn, boss_of, entries, go_to, let_in


def visitor_of(company: Company, partner: Company) -> Actor:
    [row] = [each for each in list_memberships(partner.manager.pk) if not each.is_own]
    assert row.tenant_id == company.tenant_id
    return actor_of_member(row, user_id=partner.manager.pk, label="Charlie")


def set_up(company: Company, visitor: Actor, word: str) -> tuple[int, int]:
    """A webhook and a channel; returns their numbers."""
    with tenant_scope(company.tenant_id):
        hook, _secret = webhooks.create_endpoint(
            name=f"{word} hook", url=f"https://1.1.1.1/{word}", events=["*"], actor=visitor
        )
        webhooks.ping(hook.pk, actor=visitor)
        channel = create_channel(
            actor=visitor, name=f"{word} box", kind="email", address=f"{word}@example.com"
        )
    return hook.pk, channel.pk


def is_on(company: Company, hook: int, channel: int) -> tuple[bool, bool]:
    with tenant_scope(company.tenant_id):
        return Endpoint.objects.get(pk=hook).is_enabled, Channel.objects.get(pk=channel).is_enabled


@pytest.mark.parametrize("end", ["revoke", "expire", "partner no more"])
def test_what_a_partner_set_up_stops_with_its_access_and_serves_again_as_the_customers_own(
    live_company: Company, partner: Company, sign_in: SignIn, end: str
) -> None:
    grant = let_in(live_company, "manager")
    visitor, boss = visitor_of(live_company, partner), boss_of(live_company)
    theirs = set_up(live_company, visitor, "theirs")
    kept = set_up(live_company, visitor, "kept")
    own = set_up(live_company, boss, "own")
    with tenant_scope(live_company.tenant_id):
        # The customer's own, turned off and on by a partner, stays the customer's; with another address it does not.
        webhooks.update_endpoint(own[0], actor=visitor, is_enabled=False)
        webhooks.update_endpoint(own[0], actor=visitor, is_enabled=True)
        moved, _secret = webhooks.create_endpoint(
            name="moved", url="https://1.1.1.1/a", events=["*"], actor=boss
        )
        webhooks.update_endpoint(moved.pk, actor=visitor, url="https://1.1.1.1/b")
        Membership.objects.filter(user=live_company.manager).update(role="owner")
    client = sign_in(live_company.manager)
    shown = client.get("/company/partners/").content.decode()
    assert all(word in shown for word in ("Webhook theirs hook", "Channel theirs box", "Webhook moved"))
    assert "own hook" not in shown
    program = APIClient(headers={"Authorization": f"Bearer {live_company.manager_key}"})
    told = {row["thing"]: row for row in program.get("/api/v1/partner-belongings/").json()}
    assert told[f"webhooks:{kept[0]}"]["may_come"]
    assert f"webhooks:{own[0]}" not in told
    assert client.post("/company/partners/", {"adopt": f"webhooks:{kept[0]}"}).status_code == 302
    body = {"thing": f"notifications:{kept[1]}"}
    assert program.post("/api/v1/partner-belongings/", body, format="json").status_code == 204
    assert (
        program.post("/api/v1/partner-belongings/", {"thing": "webhooks:0"}, format="json").status_code == 404
    )
    assert belongings.end_grants() == 0
    if end == "revoke":
        client.post("/company/partners/", {"revoke": str(grant.pk)})
    elif end == "expire":
        with tenant_scope(live_company.tenant_id):
            PartnerGrant.objects.update(expires_at=clock.now())
        assert belongings.end_grants() == 1
    else:
        name_kind(partner.tenant_id, "company")
        assert belongings.end_grants() == 1
    assert belongings.end_grants() == 0
    assert [is_on(live_company, *each) for each in (theirs, kept, own)] == [
        (False, False), (True, True), (True, True),
    ]  # fmt: skip
    with tenant_scope(live_company.tenant_id):
        row = Endpoint.objects.get(pk=theirs[0])
        assert (row.stopped_because, Endpoint.objects.get(pk=moved.pk).is_enabled) == ("partner", False)
        assert {each.state for each in row.deliveries.all()} == {"failed"}
    [told] = entries(live_company, "identity.partner.ended")
    assert told.changes == {"stopped": [None, ["moved", "theirs hook", "theirs box"]]}
    assert told.who_kind == ("person" if end == "revoke" else "service")
    shown = client.get("/company/partners/").content.decode()
    assert shown.count("stopped with the access") == 3
    assert "may not come in any more" in client.get("/company/webhooks/").content.decode()
    for word in (f"webhooks:{theirs[0]}", f"notifications:{theirs[1]}", f"webhooks:{moved.pk}"):
        assert client.post("/company/partners/", {"adopt": word}).status_code == 302
    assert is_on(live_company, *theirs) == (True, True)
    assert "Webhook theirs hook" not in client.get("/company/partners/").content.decode()
    # It is the company's own: another end of another access changes nothing.
    name_kind(partner.tenant_id, "partner")
    second = let_in(live_company, "manager")
    with tenant_scope(live_company.tenant_id):
        partners.revoke_grant(second.pk, actor=boss)
    assert is_on(live_company, *theirs) == (True, True)


def test_a_grant_in_the_place_of_another_stops_nothing_and_bad_words_adopt_nothing(
    live_company: Company, partner: Company, sign_in: SignIn
) -> None:
    let_in(live_company, "manager")
    theirs = set_up(live_company, visitor_of(live_company, partner), "theirs")
    let_in(live_company, "viewer")
    assert belongings.end_grants() == 0
    assert is_on(live_company, *theirs) == (True, True)
    # A visitor who may not let anybody in cannot make it the company's either.
    guest = sign_in(partner.manager)
    go_to(guest, live_company)
    assert guest.post("/company/partners/", {"adopt": f"webhooks:{theirs[0]}"}).status_code == 403
    client = sign_in(live_company.manager)
    for word in ("", "webhooks", "webhooks:x", "webhooks:999999999", "nobody:1", f"webhooks:{'9' * 30}"):
        answer = client.post("/company/partners/", {"adopt": word}, follow=True)
        assert "There is nothing here that you may see." in answer.content.decode(), word
