"""Writes about who belongs to a company: invited, joined, given another role, deactivated; ownership handed over.

Nobody gives or takes a role that may more than the giver, and the last owner stays. Not here: accounts (services).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.base.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from forgeline.entitlements.rights import require_room
from forgeline.identity.attempts import take_attempt
from forgeline.identity.branches import check_branches
from forgeline.identity.models import Invitation, Membership, Role, User
from forgeline.identity.own_roles import require_givable, require_within
from forgeline.identity.policy import Actor, require_permission
from forgeline.identity.queries import digest_of
from forgeline.identity.roles import OWN, PEOPLE
from forgeline.identity.services import create_user
from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.scoping import tenant_scope

LINK_DAYS = 7
MOST_OPEN = 100
MOST_MAILS = 5
"""Letters of one invitation within an hour."""


class InvitationRow(NamedTuple):
    """What a link says to whoever opens it."""

    invitation_id: int
    tenant_id: int
    tenant_name: str
    email: str
    role: str
    is_proven: bool
    """The link was sent to the address: whoever opens it reads the address's mail."""


class Links(NamedTuple):
    """The tokens of an invitation, which cannot be read again."""

    shown: str
    """For the inviter to pass on; it proves nothing about who opens it."""
    mailed: str
    """For the address alone; never to be shown to anybody else."""


def list_members() -> QuerySet[Membership]:
    """Return the members, the active first, by name."""
    return Membership.objects.select_related("user").order_by("deactivated_at", "user__name", "pk")


def get_member(membership_id: int) -> Membership:
    """Return a member. **Raises** NotFoundError."""
    found = Membership.objects.select_related("user").filter(pk=membership_id).first()
    if found is None:
        raise _nobody(membership_id)
    return found


def list_invitations() -> QuerySet[Invitation]:
    """Return the invitations that still can be accepted, the newest first."""
    open_ = Invitation.objects.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=clock.now())
    return open_.select_related("invited_by")


def invite(*, email: str, role: str, actor: Actor, branches: Sequence[str] = ()) -> tuple[Invitation, Links]:
    """Make links by which somebody joins; returns the row and the tokens.

    ``branches`` limits the grant to parts of the plant.

    **Raises** ForbiddenError for a role that the actor may not give, ConflictError for a member.
    """
    require_permission(actor, PEOPLE)
    limited = check_branches(branches, require_givable(actor, role).permissions)
    email = User.objects.normalize_email(email).lower()
    if Membership.objects.filter(user__email=email, deactivated_at=None).exists():
        raise ConflictError(_("This person belongs to the company already."), key="identity.member_already")
    if list_invitations().count() >= MOST_OPEN:
        raise ConflictError(
            _("Too many invitations are open; withdraw some."), key="identity.too_many_invitations"
        )
    _require_room()
    # A second invitation takes the place of the first: one link a person.
    Invitation.objects.filter(email=email, accepted_at=None, withdrawn_at=None).update(
        withdrawn_at=clock.now()
    )
    links = Links(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
    row = Invitation.objects.create(
        email=email, role=role, branches=limited, digest=digest_of(links.shown), mail_digest=digest_of(links.mailed),
        invited_by_id=actor.user_id, expires_at=clock.now() + timedelta(days=LINK_DAYS),
    )  # fmt: skip
    return row, links


def renew_mailed(found: InvitationRow) -> str:
    """Return a new token for the address alone, in the place of the one that went there before.

    **Raises** ConflictError where too many were asked for within an hour, NotFoundError where the link was used.
    """
    if not take_attempt("invitation_mail", str(found.invitation_id), most=MOST_MAILS, within_s=3600):
        raise ConflictError(
            _("Some letters are on their way already; look into the mailbox, or try again in an hour."),
            key="identity.too_many_letters",
        )
    token = secrets.token_urlsafe(32)
    with tenant_scope(found.tenant_id):
        rows = Invitation.objects.filter(pk=found.invitation_id, accepted_at=None, withdrawn_at=None)
        if not rows.update(mail_digest=digest_of(token)):
            raise _gone()
    return token


def withdraw_invitation(invitation_id: int, *, actor: Actor) -> None:
    """Make a link worthless. **Raises** NotFoundError."""
    require_permission(actor, PEOPLE)
    if not Invitation.objects.filter(pk=invitation_id).exists():
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": invitation_id})
    Invitation.objects.filter(pk=invitation_id, accepted_at=None, withdrawn_at=None).update(
        withdrawn_at=clock.now()
    )


def find_invitation(token: str) -> InvitationRow | None:
    """Return what a link says; None where it was used, withdrawn, has expired or never was."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT invitation_id, tenant_id, tenant_name, email, role, is_proven FROM identity_find_invitation(%s)",
            [digest_of(token)],
        )
        row = cursor.fetchone()
    return None if row is None else InvitationRow(*row)


def accept(
    token: str, *, user: User | None = None, name: str = "", password: str = "", language: str = ""
) -> User:
    """Join the company by a link: as ``user``, who has an account, else with a new one.

    A new account counts its address as proven, so it takes the link that was sent there (decision 0019); where
    Forgeline sends no mail, any link serves. **Raises** NotFoundError where the link serves no more, ConflictError
    where the address has an account already or the account is another's, ForbiddenError for an address not proven.
    """
    with transaction.atomic():
        found = find_invitation(token)
        if found is None:
            raise _gone()
        if user is None and needs_letter(found):
            raise ForbiddenError(
                _(
                    "Open the link in the letter to %(email)s; this one does not show that the address is yours."
                )
                % {"email": found.email},
                key="identity.address_not_proven",
            )
        if user is not None and user.email != found.email:
            raise ConflictError(
                _("The invitation is for %(email)s; sign out and sign in as that person.")
                % {"email": found.email},
                key="identity.other_person",
            )
        user = user or create_user(email=found.email, password=password, name=name, language=language)
        with tenant_scope(found.tenant_id):
            # Of two who open the link at once one comes first.
            row = Invitation.objects.select_for_update(of=("self",)).filter(pk=found.invitation_id).first()
            if row is None or row.accepted_at is not None:
                raise _gone()
            _require_room()
            row.accepted_at = clock.now()
            row.save(update_fields=["accepted_at"])
            Membership.objects.update_or_create(
                user=user, defaults={"role": row.role, "branches": row.branches, "deactivated_at": None}
            )
    return user


def needs_letter(found: InvitationRow) -> bool:
    """Say whether a new account needs the link that was sent to the address."""
    return settings.SENDS_MAIL and not found.is_proven


def change_role(
    membership_id: int, *, role: str, actor: Actor, branches: Sequence[str] | None = None
) -> Membership:
    """Give a member another role, and other ``branches`` of the plant (None leaves them as they are).

    **Raises** ForbiddenError, ConflictError for the last owner, InvalidInputError, NotFoundError.
    """
    require_permission(actor, PEOPLE)
    member = _lock(membership_id)
    given = require_givable(actor, role)
    require_within(actor, member.role)
    if member.role == Role.OWNER and role != Role.OWNER:
        _require_other_owner(member)
    member.role = role
    member.branches = check_branches(member.branches if branches is None else branches, given.permissions)
    member.save(update_fields=["role", "branches"])
    return member


def deactivate(membership_id: int, *, actor: Actor) -> None:
    """Keep a member out from the next request on; what the person did stays named. Once more changes nothing."""
    require_permission(actor, PEOPLE)
    member = _lock(membership_id)
    require_within(actor, member.role)
    if member.role == Role.OWNER and member.deactivated_at is None:
        _require_other_owner(member)
    Membership.objects.filter(pk=member.pk, deactivated_at=None).update(deactivated_at=clock.now())


def reactivate(membership_id: int, *, actor: Actor) -> None:
    """Let a member in again, in the same role."""
    require_permission(actor, PEOPLE)
    member = _lock(membership_id)
    require_within(actor, member.role)
    if member.deactivated_at is not None:
        _require_room()
    Membership.objects.filter(pk=member.pk).update(deactivated_at=None)


def hand_over(membership_id: int, *, actor: Actor) -> None:
    """Make another member the owner, and oneself a plant manager. For an owner, in person."""
    require_permission(actor, OWN)
    member = _lock(membership_id)
    own = Membership.objects.filter(user_id=actor.user_id).first()
    if own is None or own.pk == member.pk:
        raise InvalidInputError(_("Choose somebody else to own the company."))
    if member.deactivated_at is not None or not member.user.is_active:
        raise ConflictError(
            _("This person cannot sign in; let them in again first."), key="identity.inactive"
        )
    Membership.objects.filter(pk=member.pk).update(role=Role.OWNER, branches=[])
    Membership.objects.filter(pk=own.pk).update(role=Role.MANAGER)


def _gone() -> NotFoundError:
    return NotFoundError(_("This link serves no more; ask for a new one."), key="identity.link_gone")


def _require_room() -> None:
    require_room("users", Membership.objects.filter(deactivated_at=None).count)


def _lock(membership_id: int) -> Membership:
    """All members are locked in one order: two owners who deactivate each other must not both succeed."""
    require_tenant_id()
    locked = Membership.objects.select_for_update(of=("self",)).select_related("user").order_by("pk")
    rows = {row.pk: row for row in locked}
    if membership_id not in rows:
        raise _nobody(membership_id)
    return rows[membership_id]


def _nobody(membership_id: int) -> NotFoundError:
    return NotFoundError(_("There is no such person in your company."), data={"id": membership_id})


def _require_other_owner(member: Membership) -> None:
    others = Membership.objects.filter(role=Role.OWNER, deactivated_at=None, user__is_active=True).exclude(
        pk=member.pk
    )
    if not others.exists():
        raise ConflictError(
            _("A company needs an owner; make somebody else one first."), key="identity.last_owner"
        )
