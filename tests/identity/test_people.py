"""Members and invitations: nobody rises above who gives, links serve once, the last owner stays."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from forgeline.base import clock
from forgeline.base.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from forgeline.identity import keys, own_roles, people, services
from forgeline.identity.models import Invitation, Membership, Role, User
from forgeline.identity.policy import Actor, permissions_of
from forgeline.identity.queries import actor_of_member, find_actor_by_key, list_memberships
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

PASSWORD = "a-long-password-of-dora"


def actor_of(company: Company, user: User, role: str) -> Actor:
    return Actor(company.tenant_id, role, user_id=user.pk, label=str(user), permissions=permissions_of(role))


def own(company: Company) -> Actor:
    """Make the manager the owner."""
    with tenant_scope(company.tenant_id):
        Membership.objects.filter(user=company.manager).update(role=Role.OWNER)
    return actor_of(company, company.manager, Role.OWNER)


def member(company: Company, user: User) -> Membership:
    with tenant_scope(company.tenant_id):
        found: Membership = Membership.objects.get(user=user)
        return found


def add(company: Company, email: str, role: str) -> User:
    user = services.create_user(email=email, password=PASSWORD, name=email.partition("@")[0])
    services.add_member(tenant_id=company.tenant_id, user=user, role=role)
    return user


def test_somebody_is_invited_joins_and_the_link_serves_no_more(company: Company) -> None:
    owner = own(company)
    with tenant_scope(company.tenant_id):
        row, links = people.invite(email="Dora@Example.com", role=Role.OPERATOR, actor=owner)
        assert not set(links) & {row.digest, row.mail_digest}
        assert [each.email for each in people.list_invitations()] == ["dora@example.com"]
    token = links.shown
    found = people.find_invitation(token)
    assert found is not None
    assert (found.tenant_id, found.email, found.role) == (company.tenant_id, "dora@example.com", "operator")
    user = people.accept(token, name="Dora", password=PASSWORD)
    assert [(each.tenant_id, each.role) for each in list_memberships(user.pk)] == [
        (company.tenant_id, "operator")
    ]
    assert people.find_invitation(token) is None
    with pytest.raises(NotFoundError, match="serves no more"):
        people.accept(token, user=user)


@pytest.mark.parametrize("fate", ["expired", "withdrawn", "replaced", "unknown"])
def test_a_link_that_serves_no_more_lets_nobody_in(company: Company, fate: str) -> None:
    owner = own(company)
    with tenant_scope(company.tenant_id):
        row, (token, _mailed) = people.invite(email="dora@example.com", role=Role.VIEWER, actor=owner)
        if fate == "expired":
            Invitation.objects.update(expires_at=clock.now() - timedelta(seconds=1))
        elif fate == "withdrawn":
            people.withdraw_invitation(row.pk, actor=owner)
        elif fate == "replaced":
            people.invite(email="dora@example.com", role=Role.VIEWER, actor=owner)
    with pytest.raises(NotFoundError):
        people.accept("x" * 43 if fate == "unknown" else token, name="Dora", password=PASSWORD)
    assert not User.objects.filter(email="dora@example.com").exists()


def test_a_link_is_for_whom_it_was_sent_to(company: Company, stranger: Company) -> None:
    owner = own(company)
    with tenant_scope(company.tenant_id):
        _row, (token, _mailed) = people.invite(email=stranger.viewer.email, role=Role.VIEWER, actor=owner)
    with pytest.raises(ConflictError, match="is for"):
        people.accept(token, user=stranger.manager)
    with pytest.raises(ConflictError, match="There is an account"):
        people.accept(token, name="Again", password=PASSWORD)
    people.accept(token, user=stranger.viewer)
    assert len(list_memberships(stranger.viewer.pk)) == 2


@pytest.mark.parametrize(
    ("giver", "role", "fits"),
    [
        ("owner", "owner", True), ("manager", "owner", False), ("manager", "manager", True),
        ("engineer", "viewer", False), ("owner", "boss", None),
    ],
)  # fmt: skip
def test_nobody_invites_above_the_own_role(
    company: Company, giver: str, role: str, fits: bool | None
) -> None:
    actor = actor_of(company, company.manager, giver)
    with tenant_scope(company.tenant_id):
        if fits:
            people.invite(email="dora@example.com", role=role, actor=actor)
            return
        with pytest.raises(InvalidInputError if fits is None else ForbiddenError):
            people.invite(email="dora@example.com", role=role, actor=actor)
        assert not Invitation.objects.exists()


def test_a_member_is_not_invited_again(company: Company) -> None:
    owner = own(company)
    with tenant_scope(company.tenant_id), pytest.raises(ConflictError, match="already"):
        people.invite(email=company.viewer.email.upper(), role=Role.VIEWER, actor=owner)


def test_a_manager_changes_nobody_above(company: Company) -> None:
    own(company)
    boss = member(company, company.manager)
    second = add(company, "m@example.com", Role.MANAGER)
    manager = actor_of(company, second, Role.MANAGER)
    with tenant_scope(company.tenant_id):
        people.change_role(member(company, company.viewer).pk, role=Role.ENGINEER, actor=manager)
        for deed in (
            lambda: people.change_role(boss.pk, role=Role.VIEWER, actor=manager),
            lambda: people.deactivate(boss.pk, actor=manager),
            lambda: people.change_role(member(company, second).pk, role=Role.OWNER, actor=manager),
            lambda: people.hand_over(member(company, company.viewer).pk, actor=manager),
        ):
            with pytest.raises(ForbiddenError):
                deed()
    assert member(company, company.viewer).role == Role.ENGINEER
    assert member(company, company.manager).role == Role.OWNER


def test_the_last_owner_stays_until_there_is_another(company: Company) -> None:
    owner = own(company)
    mine = member(company, company.manager).pk
    with tenant_scope(company.tenant_id):
        for deed in (
            lambda: people.change_role(mine, role=Role.VIEWER, actor=owner),
            lambda: people.deactivate(mine, actor=owner),
        ):
            with pytest.raises(ConflictError, match="needs an owner"):
                deed()
        people.hand_over(member(company, company.viewer).pk, actor=owner)
    assert member(company, company.viewer).role == Role.OWNER
    assert member(company, company.manager).role == Role.MANAGER


def test_two_owners_who_keep_each_other_out_leave_one(live_company: Company) -> None:
    company = live_company
    first = own(company)
    second = add(company, "m@example.com", Role.OWNER)
    pairs = [
        (first, member(company, second).pk),
        (actor_of(company, second, Role.OWNER), member(company, company.manager).pk),
    ]
    start, faults = threading.Barrier(2), []

    def keep_out(actor: Actor, membership_id: int) -> None:
        start.wait(10)
        try:
            with tenant_scope(company.tenant_id):
                people.deactivate(membership_id, actor=actor)
        except ConflictError as error:
            faults.append(error.key)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=keep_out, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    with tenant_scope(company.tenant_id):
        active = Membership.objects.filter(role=Role.OWNER, deactivated_at=None).count()
    assert (active, faults) == (1, ["identity.last_owner"])


def test_whoever_is_kept_out_is_out_with_the_next_request(
    company: Company, sign_in: Callable[[Any], Client]
) -> None:
    owner = own(company)
    client = sign_in(company.viewer)
    assert client.get("/").status_code == 200
    with tenant_scope(company.tenant_id):
        people.deactivate(member(company, company.viewer).pk, actor=owner)
    assert client.get("/").status_code == 403
    with tenant_scope(company.tenant_id):
        people.reactivate(member(company, company.viewer).pk, actor=owner)
    assert client.get("/").status_code == 200


# --- the pages ---


def test_the_page_does_what_its_buttons_say(company: Company, sign_in: Callable[[Any], Client]) -> None:
    own(company)
    client = sign_in(company.manager)
    pk = member(company, company.viewer).pk
    assert client.get(f"/company/people/{pk}/").status_code == 200
    assert client.get("/company/people/99999999/").status_code == 404
    refused = client.post(f"/company/people/{pk}/", {"role": "maintenance", "branches": ["/999999/"]})
    assert refused.status_code == 422
    client.post(f"/company/people/{pk}/", {"role": "maintenance"})
    assert member(company, company.viewer).role == "maintenance"
    for deed, words in (("nonsense", "Choose what to do."), ("deactivate:99999999", "no such person")):
        assert words in client.post("/company/people/", {"deed": deed}, follow=True).content.decode()
    client.post("/company/people/", {"deed": f"deactivate:{pk}"})
    assert member(company, company.viewer).deactivated_at is not None
    client.post("/company/people/", {"deed": f"reactivate:{pk}"})
    assert member(company, company.viewer).deactivated_at is None


def test_a_key_may_not_do_more_than_who_makes_it(company: Company, sign_in: Callable[[Any], Client]) -> None:
    client = sign_in(company.manager)
    refused = client.post(
        "/api/v1/api-keys/", {"name": "x", "role": "owner"}, content_type="application/json"
    )
    assert refused.status_code == 403
    assert refused.json()["key"] == "identity.role_above"
    made = client.post(
        "/api/v1/api-keys/", {"name": "x", "role": "integrator"}, content_type="application/json"
    )
    assert made.status_code == 201
    assert sign_in(add(company, "e@example.com", Role.ENGINEER)).get("/company/keys/").status_code == 403


def test_a_company_makes_roles_of_its_own(company: Company, sign_in: Callable[[Any], Client]) -> None:
    boss = actor_of(company, company.manager, "manager")
    with tenant_scope(company.tenant_id):
        row = own_roles.copy_role(key="operator", name="Night shift", actor=boss)
        own_roles.change_role(row.pk, permissions=["assets.view", "alarms.view"], actor=boss)
        pk = member(company, company.viewer).pk
        people.change_role(pk, role=row.key, actor=boss)
    (found,) = list_memberships(company.viewer.pk)
    actor = actor_of_member(found, user_id=company.viewer.pk)
    assert actor.permissions == {"assets.view", "alarms.view"}
    assert sign_in(company.viewer).get("/alarms/").status_code == 200
    assert sign_in(company.viewer).get("/").status_code == 403
    page = sign_in(company.manager).get("/company/people/").content.decode()
    assert "Night shift" in page
    with tenant_scope(company.tenant_id):
        for wrong, error in (
            (lambda: own_roles.remove_role(row.pk, actor=boss), ConflictError),
            (lambda: own_roles.copy_role(key="viewer", name="night shift ", actor=boss), None),
            (lambda: own_roles.copy_role(key="viewer", name="Night shift", actor=boss), ConflictError),
            (lambda: own_roles.copy_role(key="viewer", name=" ", actor=boss), InvalidInputError),
            (lambda: own_roles.copy_role(key="nobody", name="x", actor=boss), NotFoundError),
            (
                lambda: own_roles.change_role(row.pk, permissions=["identity.own"], actor=boss),
                InvalidInputError,
            ),
            (lambda: own_roles.change_role(row.pk, permissions=["no.such"], actor=boss), InvalidInputError),
            (
                lambda: own_roles.change_role(
                    row.pk,
                    permissions=["identity.edit"],
                    actor=actor_of(company, company.manager, "engineer"),
                ),
                ForbiddenError,
            ),
        ):
            if error is None:
                wrong()
            else:
                with pytest.raises(error):
                    wrong()
        people.change_role(pk, role="viewer", actor=boss)
        own_roles.remove_role(row.pk, actor=boss)
        assert [role.title for role in own_roles.list_roles() if role.is_own] == ["night shift"]


def test_role_pages(company: Company, stranger: Company, sign_in: Callable[[Any], Client]) -> None:
    client = sign_in(company.manager)
    made = client.post("/company/roles/", {"copy": "viewer", "name": "Auditor"})
    assert client.get(made.url).status_code == 200
    assert sign_in(stranger.manager).get(made.url).status_code == 404
    assert client.post(made.url, {"name": "Auditor", "permissions": ["assets.view"]}).status_code == 302
    page = client.get("/company/roles/").content.decode()
    assert "Auditor" in page
    client.post("/company/roles/", {"remove": made.url.rstrip("/").rpartition("/")[2]})
    assert "Auditor" not in client.get("/company/roles/").content.decode()


def test_a_key_is_narrowed_rotated_with_an_overlap_and_expires(company: Company) -> None:
    boss = actor_of(company, company.manager, "manager")
    with tenant_scope(company.tenant_id):
        row, old = keys.make_key(name="ERP", role="engineer", permissions=["assets.view"], actor=boss)
        for wrong in ({"permissions": ["identity.edit"]}, {"expires_at": clock.now() - timedelta(minutes=1)}):
            with pytest.raises(InvalidInputError):
                keys.make_key(name="x", role="engineer", actor=boss, **wrong)
        newer, new = keys.rotate_key(row.pk, actor=boss, overlap_hours=1)
        with pytest.raises(ConflictError):
            keys.rotate_key(row.pk, actor=boss)
        with pytest.raises(InvalidInputError):
            keys.rotate_key(newer.pk, actor=boss, overlap_hours=1e9)
    for key in (old, new):
        actor = find_actor_by_key(key)
        assert actor is not None
        assert actor.permissions == {"assets.view"}
    with tenant_scope(company.tenant_id):
        row.refresh_from_db()
        assert row.expires_at is not None
        assert row.expires_at - clock.now() < timedelta(hours=1)
        row.expires_at = clock.now() - timedelta(hours=1)
        row.save(update_fields=["expires_at"])
        assert [each.pk for each in keys.list_keys() if each.name == "ERP"] == [newer.pk]
    assert find_actor_by_key(old) is None
    assert find_actor_by_key(new) is not None
