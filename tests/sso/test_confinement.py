"""What a session opens: the company whose provider began it, and no other; a claimed address opens nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from forgeline.audit.models import Entry
from forgeline.identity import services as identity
from forgeline.identity.doors import sort_memberships
from forgeline.identity.models import Membership, Role, User
from forgeline.identity.queries import list_memberships
from forgeline.sso import services
from forgeline.sso.models import Identity, Provider
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.identity.conftest import Letterbox
from tests.sso.conftest import Visitor, owner_of, set_up, user_of, words_of
from tests.sso.foreign import Foreign

PASSWORD = "a-long-password"


def _sign_in(email: str, password: str = PASSWORD) -> tuple[Client, Any]:
    client = Client()
    return client, client.post("/sign-in/", {"login": email, "password": password}, follow=True)


@pytest.fixture
def both(company: Company, stranger: Company, providers: Foreign) -> tuple[Company, Company]:
    """Alice's company, and Charlie's, whose provider says whatever Charlie likes."""
    set_up(company, providers.issuers[0], "example.com", role="operator")
    set_up(stranger, providers.issuers[1], "charlie.example", role="manager")
    return company, stranger


def test_a_provider_that_claims_a_foreign_address_gets_nothing(
    both: tuple[Company, Company], providers: Foreign, visitor: Visitor
) -> None:
    alice, _charlie = both
    claim = {"email": "alice@example.com", "email_verified": True}
    providers.set_accounts({}, {"liar": claim})
    refused = visitor.sign_in("charlie", "liar")
    assert refused.status_code == 403
    assert "is of no e-mail domain of this company" in words_of(refused)
    # And even where the domain were Charlie's: an account is not opened to a company that its person never joined.
    with tenant_scope(alice.tenant_id):
        services.remove_provider(actor=owner_of(alice))
    set_up(both[1], providers.issuers[1], "example.com", role="manager")
    visitor.elsewhere.cookies.clear()
    refused = visitor.sign_in("charlie", "liar")
    assert refused.status_code == 403
    assert "does not belong to this company" in words_of(refused)
    assert [row.tenant_id for row in list_memberships(alice.manager.pk)] == [alice.tenant_id]
    assert "_auth_user_id" not in visitor.client.session


def test_the_answer_of_one_provider_is_none_to_another_company(
    both: tuple[Company, Company], providers: Foreign, visitor: Visitor
) -> None:
    claim = {"email": "bob@example.com", "email_verified": True}
    providers.set_accounts({"b": claim}, {"b": claim})
    address = visitor.at_provider(visitor.to_provider("charlie"), "b")
    swapped = visitor.back(address.replace("/charlie/", "/alice/"))
    assert swapped.status_code == 400
    # The same subject at the other issuer is another person.
    assert visitor.sign_in("alice", "b").status_code == 302
    with tenant_scope(both[1].tenant_id):
        assert not Identity.objects.exists()


def test_a_domain_belongs_to_one_company(both: tuple[Company, Company], providers: Foreign) -> None:
    with pytest.raises(services.ConflictError, match="another company's"):
        set_up(both[1], providers.issuers[1], "example.com")


def test_a_session_opens_the_company_that_began_it_and_no_other(
    both: tuple[Company, Company], providers: Foreign, visitor: Visitor
) -> None:
    alice, charlie = both
    identity.add_member(tenant_id=charlie.tenant_id, user=alice.viewer, role=Role.MANAGER)
    providers.set_accounts({"b": {"email": "bob@example.com", "email_verified": True}})
    assert visitor.sign_in("alice", "b").status_code == 302
    session = visitor.client.session
    session["tenant_id"] = charlie.tenant_id
    session.save()
    # What the session named is not answered with another company's: a page says first where its reader is.
    assert visitor.client.get("/api/v1/me/").json()["key"] == "identity.visit_ended"
    assert visitor.client.get("/alarms/").status_code == 403
    assert visitor.client.get("/api/v1/me/").json()["tenant_id"] == alice.tenant_id
    opened, shut = sort_memberships(alice.viewer.pk, session)
    assert ([row.tenant_id for row in opened], [row.tenant_id for row in shut]) == (
        [alice.tenant_id], [charlie.tenant_id],
    )  # fmt: skip
    # What is the person's everywhere stays shut as well: a provider could else set a password for all of it.
    for path in (
        "/account/password/",
        "/account/factors/",
        "/account/sessions/",
        "/account/address/",
        "/invitations/x/",
    ):
        page = visitor.client.get(path)
        assert page.status_code == 403
        assert "signed in with your company" in words_of(page)
    # By the password the same browser opens both again, and the account.
    answer = visitor.client.post("/sign-out/")
    answer = visitor.client.post("/sign-in/", {"login": "bob@example.com", "password": PASSWORD})
    assert answer.status_code == 302
    assert len(sort_memberships(alice.viewer.pk, visitor.client.session).opened) == 2
    assert visitor.client.get("/account/sessions/").status_code == 200


def test_signing_in_by_password_over_a_session_of_the_provider_takes_its_mark_away(
    both: tuple[Company, Company], providers: Foreign, visitor: Visitor
) -> None:
    providers.set_accounts({"b": {"email": "bob@example.com", "email_verified": True}})
    assert visitor.sign_in("alice", "b").status_code == 302
    assert "sso" in visitor.client.session
    visitor.client.force_login(both[0].viewer, backend="django.contrib.auth.backends.ModelBackend")
    assert "sso" not in visitor.client.session


def test_sessions_end_with_the_provider_that_began_them(
    both: tuple[Company, Company], providers: Foreign, visitor: Visitor
) -> None:
    alice, _charlie = both
    providers.set_accounts({"b": {"email": "bob@example.com", "email_verified": True}})
    visitor.sign_in("alice", "b")
    assert visitor.client.get("/alarms/").status_code == 200
    with tenant_scope(alice.tenant_id):
        generation = Provider.objects.get().generation
        services.remove_provider(actor=owner_of(alice))
    assert visitor.client.get("/alarms/").status_code == 403
    set_up(alice, providers.issuers[0], "example.com")
    with tenant_scope(alice.tenant_id):
        assert Provider.objects.get().generation != generation
    assert visitor.client.get("/alarms/").status_code == 403


def test_required_refuses_a_password_with_a_sentence(
    company: Company, providers: Foreign, visitor: Visitor
) -> None:
    open_before, _page = _sign_in("bob@example.com")
    set_up(company, providers.issuers[0], "example.com", is_required=True)
    client, page = _sign_in("bob@example.com")
    assert "your password is not taken" in words_of(page)
    assert b'href="/sign-in/company/alice/"' in page.content
    assert "_auth_user_id" not in client.session
    # The session of before is shut too, and says why.
    shut = open_before.get("/alarms/")
    assert shut.status_code == 403
    assert "is opened by its own provider alone" in words_of(shut)
    # A wrong password is told nothing of it.
    assert "not taken" not in words_of(_sign_in("bob@example.com", "wrong-password")[1])
    providers.set_accounts({"b": {"email": "bob@example.com", "email_verified": True}})
    assert visitor.sign_in("alice", "b").status_code == 302
    assert visitor.client.get("/alarms/").status_code == 200
    assert open_before.get("/api/v1/me/").status_code == 401


def test_required_holds_for_its_domains_and_its_company_alone(
    company: Company, stranger: Company, providers: Foreign
) -> None:
    set_up(company, providers.issuers[0], "other.example", is_required=True)
    client, _page = _sign_in("bob@example.com")
    assert client.get("/alarms/").status_code == 200
    set_up(company, providers.issuers[0], "example.com", is_required=True)
    identity.add_member(tenant_id=stranger.tenant_id, user=company.viewer, role=Role.VIEWER)
    client, _page = _sign_in("bob@example.com")
    assert client.get("/api/v1/me/").json()["tenant_id"] == stranger.tenant_id
    # Somebody who is no member is none of the company's business, whatever the address.
    assert _sign_in("charlie@example.com")[0].get("/alarms/").status_code == 200


def test_owners_keep_their_password_and_the_audit_tells_of_its_use(
    company: Company, providers: Foreign
) -> None:
    with tenant_scope(company.tenant_id):
        Membership.objects.filter(user=company.manager).update(role=Role.OWNER)
    set_up(company, providers.issuers[0], "example.com", is_required=True)
    client, _page = _sign_in("alice@example.com")
    assert client.get("/company/sign-on/").status_code == 200
    with tenant_scope(company.tenant_id):
        assert Entry.objects.filter(
            action="identity.session.provider_passed", subject="alice@example.com"
        ).exists()


def test_who_was_brought_by_a_provider_gets_a_password_by_the_mailbox(
    both: tuple[Company, Company], providers: Foreign, visitor: Visitor, letterbox: Letterbox
) -> None:
    providers.set_accounts({"w": {"email": "wang@example.com", "email_verified": True}})
    assert visitor.sign_in("alice", "w").status_code == 302
    user = user_of("wang@example.com")
    assert not user.has_usable_password()
    Client().post("/password/", {"email": "wang@example.com"})
    [letter] = letterbox.letters
    assert "/password/" in letter.get_content()


def test_no_person_stands_in_allauths_own_tables(
    both: tuple[Company, Company], providers: Foreign, visitor: Visitor
) -> None:
    from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken

    providers.set_accounts({"w": {"email": "wang@example.com", "email_verified": True}})
    assert visitor.sign_in("alice", "w").status_code == 302
    assert User.objects.filter(email="wang@example.com").exists()
    assert [model.objects.count() for model in (SocialAccount, SocialApp, SocialToken)] == [0, 0, 0]
