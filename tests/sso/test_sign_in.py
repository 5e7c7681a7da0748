"""The whole way through a foreign provider: who comes in, who does not and is told why, and nothing twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from forgeline.audit.models import Entry
from forgeline.identity import people
from forgeline.identity.models import Membership, User
from forgeline.identity.queries import list_memberships
from forgeline.sso.models import Domain, Identity, Provider
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.sso.conftest import Visitor, owner_of, set_up, user_of, words_of
from tests.sso.foreign import Foreign

PASSWORD = "a-long-password"


def _known(email: str, **more: Any) -> dict[str, Any]:
    return {"email": email, "email_verified": True, "name": email.split("@")[0].title(), **more}


@pytest.fixture
def alice(company: Company, providers: Foreign) -> Company:
    """Alice's company signs in by the first provider."""
    set_up(company, providers.issuers[0], "example.com", role="operator")
    return company


def test_a_member_comes_in_to_the_page_that_was_wanted(
    alice: Company, providers: Foreign, visitor: Visitor
) -> None:
    providers.set_accounts({"b-1": _known("Bob@Example.com")})
    answer = visitor.sign_in("alice", "b-1", then="/alarms/")
    assert (answer.status_code, answer["Location"]) == (302, "/alarms/")
    assert visitor.client.get("/alarms/").status_code == 200
    me = visitor.client.get("/api/v1/me/").json()
    assert (me["tenant_id"], me["role"]) == (alice.tenant_id, "viewer")
    with tenant_scope(alice.tenant_id):
        identity = Identity.objects.get()
        assert (identity.user, identity.subject) == (alice.viewer, "b-1")
        begun = Entry.objects.filter(action="identity.session.begun").get()
    assert begun.changes == {"way": [None, "sso"]}
    assert visitor.client.session.get_expiry_age() <= 12 * 3600


def test_a_new_person_comes_in_with_the_role_that_the_owner_chose(
    alice: Company, providers: Foreign, visitor: Visitor
) -> None:
    providers.set_accounts({"w": _known("wang@example.com", name="王师傅")})
    assert visitor.sign_in("alice", "w").status_code == 302
    user = user_of("wang@example.com")
    assert (user.name, user.has_usable_password()) == ("王师傅", False)
    [membership] = list_memberships(user.pk)
    assert (membership.tenant_id, membership.role) == (alice.tenant_id, "operator")
    # The same person again, whose address has changed at the provider: the identity counts, not the address.
    providers.set_accounts({"w": _known("wang.lei@example.com")})
    visitor.client.post("/sign-out/")
    visitor.elsewhere.cookies.clear()
    assert visitor.sign_in("alice", "w").status_code == 302
    assert visitor.client.session["_auth_user_id"] == str(user.pk)
    assert not User.objects.filter(email="wang.lei@example.com").exists()


def test_an_unproven_domain_is_told_as_such_here_and_there(
    company: Company, providers: Foreign, visitor: Visitor
) -> None:
    set_up(company, providers.issuers[0], "example.com")
    with tenant_scope(company.tenant_id):
        Domain.objects.update(proven_at=None)
    providers.set_accounts({"b": _known("bob@example.com")})
    refused = visitor.sign_in("alice", "b")
    assert refused.status_code == 403
    assert "example.com is not proven to belong to your company yet" in words_of(refused)
    client = Client()
    client.force_login(company.manager)
    page = words_of(client.get("/company/sign-on/"))
    assert "Nobody can come in this way yet" in page
    assert "Set up, not in use yet" in page


def test_who_is_invited_comes_in_with_the_role_of_the_invitation_alone(
    company: Company, providers: Foreign, visitor: Visitor
) -> None:
    set_up(company, providers.issuers[0], "example.com")
    providers.set_accounts({"g": _known("guest@example.com"), "n": _known("new@example.com")})
    with tenant_scope(company.tenant_id):
        people.invite(email="guest@example.com", role="engineer", actor=owner_of(company))
    assert visitor.sign_in("alice", "g").status_code == 302
    [membership] = list_memberships(user_of("guest@example.com").pk)
    assert membership.role == "engineer"
    with tenant_scope(company.tenant_id):
        assert not people.list_invitations().exists()
    visitor.elsewhere.cookies.clear()
    refused = visitor.sign_in("alice", "n")
    assert refused.status_code == 403
    assert "Ask a manager to invite you" in words_of(refused)
    assert not User.objects.filter(email="new@example.com").exists()


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (_known("bob@example.com", email_verified=False), "does not say that bob@example.com is proven"),
        ({"email": "bob@example.com"}, "does not say that bob@example.com is proven"),
        ({"email": "bob@example.com", "email_verified": "false"}, "does not say that"),
        (_known("bob@elsewhere.example"), "is of no e-mail domain of this company"),
        (_known("bob@example.com.evil.example"), "is of no e-mail domain of this company"),
        (_known("bob@evil.example@example.org"), "is of no e-mail domain of this company"),
        ({"name": "Bob"}, "tells no e-mail address of you"),
    ],
)
def test_addresses_that_do_not_count(
    alice: Company, providers: Foreign, visitor: Visitor, account: dict[str, Any], said: str
) -> None:
    providers.set_accounts({"b": account})
    answer = visitor.sign_in("alice", "b")
    assert answer.status_code == 403
    assert said in words_of(answer)
    assert "_auth_user_id" not in visitor.client.session


def test_a_provider_that_says_nothing_of_proof_is_believed_where_the_owner_says_so(
    company: Company, providers: Foreign, visitor: Visitor
) -> None:
    set_up(company, providers.issuers[0], "example.com", trusts_email=True)
    providers.set_accounts({"b": {"email": "bob@example.com"}})
    assert visitor.sign_in("alice", "b").status_code == 302
    providers.set_accounts({"b": {"email": "bob@example.com", "email_verified": False}})
    visitor.elsewhere.cookies.clear()
    assert visitor.sign_in("alice", "b").status_code == 403


def test_who_is_kept_out_stays_out(alice: Company, providers: Foreign, visitor: Visitor) -> None:
    providers.set_accounts({"b": _known("bob@example.com")})
    assert visitor.sign_in("alice", "b").status_code == 302
    with tenant_scope(alice.tenant_id):
        member = Membership.objects.get(user=alice.viewer)
        people.deactivate(member.pk, actor=owner_of(alice))
    assert visitor.client.get("/alarms/").status_code == 403
    again = visitor.sign_in("alice", "b")
    assert again.status_code == 403
    assert "kept out" in words_of(again)


def test_an_address_that_was_given_on_does_not_bring_the_account_along(
    alice: Company, providers: Foreign, visitor: Visitor
) -> None:
    providers.set_accounts({"old": _known("bob@example.com"), "new": _known("bob@example.com")})
    assert visitor.sign_in("alice", "old").status_code == 302
    visitor.client.post("/sign-out/")
    visitor.elsewhere.cookies.clear()
    refused = visitor.sign_in("alice", "new")
    assert refused.status_code == 403
    assert "belongs to another person" in words_of(refused)
    with tenant_scope(alice.tenant_id):
        Identity.objects.get().delete()
    assert visitor.sign_in("alice", "new").status_code == 302


def test_an_answer_serves_once_and_in_the_browser_that_asked(
    alice: Company, providers: Foreign, visitor: Visitor
) -> None:
    providers.set_accounts({"b": _known("bob@example.com")})
    address = visitor.at_provider(visitor.to_provider("alice"), "b")
    stolen = Visitor(Client(), visitor.elsewhere).back(address)
    assert stolen.status_code == 400
    assert "begun in another browser" in words_of(stolen)
    assert visitor.back(address).status_code == 302
    repeated = visitor.back(address)
    assert repeated.status_code == 400
    assert "done already" in words_of(repeated)


def test_another_nonce_or_verifier_is_not_ours(alice: Company, providers: Foreign, visitor: Visitor) -> None:
    providers.set_accounts({"b": _known("bob@example.com")})
    for change in (
        lambda state: state["data"].update(nonce="other"),
        lambda state: state.update(pkce_code_verifier="o" * 50),
    ):
        address = visitor.at_provider(visitor.to_provider("alice"), "b")
        session = visitor.client.session
        for state, _ts, _provider in session["socialaccount_states"].values():
            change(state)
        session.save()
        answer = visitor.back(address)
        assert answer.status_code == 503
        assert "did not answer as it should" in words_of(answer)


def test_what_is_asked_for_carries_state_nonce_and_a_challenge(alice: Company, visitor: Visitor) -> None:
    address = visitor.to_provider("alice")
    assert all(f"{name}=" in address for name in ("state", "nonce", "code_challenge"))
    assert "code_challenge_method=S256" in address
    # Nothing of it can be set from outside.
    other = visitor.client.get(
        "/sign-in/company/alice/?scope=admin&auth_params=prompt%3Dnone&process=connect"
    )
    assert "admin" not in other["Location"]
    assert "prompt" not in other["Location"]


def test_who_breaks_off_is_told_so(alice: Company, visitor: Visitor) -> None:
    answer = visitor.sign_in("alice", "")
    assert answer.status_code == 400
    assert "broken off" in words_of(answer)


def test_a_provider_that_is_away_has_a_page(alice: Company, visitor: Visitor) -> None:
    with tenant_scope(alice.tenant_id):
        Provider.objects.update(discovery_url="http://127.0.0.1:1/.well-known/openid-configuration")
    answer = visitor.client.get("/sign-in/company/alice/")
    assert answer.status_code == 503
    assert "cannot be reached just now" in words_of(answer)
    assert "Begin again" in words_of(answer)


def test_the_way_there_leads_nowhere_else(alice: Company, providers: Foreign, visitor: Visitor) -> None:
    providers.set_accounts({"b": _known("bob@example.com")})
    assert visitor.sign_in("alice", "b", then="https://evil.example/")["Location"] == "/"


def test_the_company_is_found_by_short_name_and_address(alice: Company) -> None:
    client = Client()
    for word in ("alice", "ALICE", "anybody@example.com", "example.com"):
        page = client.post("/sign-in/company/", {"company": word})
        assert page.status_code == 200
        assert b'href="/sign-in/company/alice/"' in page.content
    unknown = client.post("/sign-in/company/", {"company": "charlie"})
    assert unknown.status_code == 422
    assert "No company signs in" in words_of(unknown)
    assert client.get("/sign-in/company/charlie/").status_code == 404
    assert client.get("/sign-in/company/example.com/").status_code == 404


def test_secret_is_sealed_and_told_by_nobody(alice: Company, visitor: Visitor, tmp_path: Path) -> None:
    with tenant_scope(alice.tenant_id):
        row = Provider.objects.get()
        entries = str(list(Entry.objects.values_list("changes", flat=True)))
    assert "a-secret" not in row.secret_sealed
    assert row.secret_sealed not in entries
    client = Client()
    client.force_login(alice.manager)
    for address in ("/company/sign-on/", "/api/v1/sso/", "/company/audit/"):
        page = client.get(address).content.decode()
        assert "a-secret" not in page
        assert row.secret_sealed not in page
