"""Who may come in by a company's provider, and as whom (decision 0012). Not here: the protocol (flow).

The provider's word counts in its own company alone. It is taken for a person by the identity that it named before, else
by an address that it says is proven and whose domain is the company's; an account is never opened to a company that its
person has not joined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import get_language, gettext as _

from forgeline.base import clock
from forgeline.base.errors import ForbiddenError
from forgeline.entitlements.rights import require_room
from forgeline.identity.models import Invitation, Membership, User
from forgeline.identity.own_roles import find_role
from forgeline.sso.models import Domain, Identity, Provider
from forgeline.tenancy.scoping import tenant_scope


@dataclass(frozen=True, slots=True)
class Claims:
    """What the provider says of a person."""

    issuer: str
    subject: str
    email: str = ""
    is_email_proven: bool | None = None
    """None where it says nothing of it."""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who comes in, to which company, by which state of its provider."""

    user: User
    tenant_id: int
    generation: int
    is_new: bool


def claims_of(id_token: dict[str, Any], userinfo: dict[str, Any]) -> Claims:
    """Return what is said in the ID token, and beside it in the user info."""
    told = {**userinfo, **id_token}
    proven = told.get("email_verified")
    return Claims(
        issuer=str(id_token["iss"]),
        subject=str(id_token["sub"])[:255],
        email=str(told.get("email") or "").strip().lower(),
        is_email_proven=proven if isinstance(proven, bool) or proven is None else proven == "true",
        name=str(told.get("name") or "")[:120],
    )


def admit(tenant_id: int, claims: Claims) -> Arrival:
    """Find, or make, the person whom the provider of a company means.

    **Raises** ForbiddenError that says why nobody comes in, PaymentRequiredError where the plan has no room.
    """
    with tenant_scope(tenant_id):
        # Of two first arrivals at once one comes first.
        provider = Provider.objects.select_for_update().first()
        if provider is None or provider.issuer != claims.issuer:
            raise _refuse("sso.off", _("The company does not sign in this way any more."))
        _require_address(provider, claims)
        identity = (
            Identity.objects.select_related("user")
            .filter(issuer=claims.issuer, subject=claims.subject)
            .first()
        )
        is_new = False
        if identity is None:
            user, is_new = _meet(provider, claims)
            identity = Identity(user=user, issuer=claims.issuer, subject=claims.subject)
        user = identity.user
        member = Membership.objects.filter(user=user).first()
        if member is None or member.deactivated_at is not None or not user.is_active:
            raise _refuse(
                "sso.kept_out", _("You are kept out of this company. Ask a manager to let you in again.")
            )
        identity.last_used_at = clock.now()
        identity.save()
        return Arrival(user, tenant_id, provider.generation, is_new)


def _require_address(provider: Provider, claims: Claims) -> None:
    if not claims.email:
        raise _refuse(
            "sso.no_email",
            _("Your company's provider tells no e-mail address of you. Ask its keeper."),
        )
    proven = provider.trusts_email if claims.is_email_proven is None else claims.is_email_proven
    if not proven:
        raise _refuse(
            "sso.email_unproven",
            _("Your company's provider does not say that %(email)s is proven. Prove it there, or ask its keeper.")
            % {"email": claims.email},
        )  # fmt: skip
    domain = Domain.objects.filter(name=claims.email.rpartition("@")[2]).first()
    if domain is not None and domain.proven_at is None:
        raise _refuse(
            "sso.domain_unproven",
            _("%(domain)s is not proven to belong to your company yet. Ask an owner to prove it under Company, Single "
              "sign-on.") % {"domain": domain.name},
        )  # fmt: skip
    if domain is None:
        raise _refuse(
            "sso.wrong_domain",
            _("%(email)s is of no e-mail domain of this company. Sign in at your provider with your work address.")
            % {"email": claims.email},
        )  # fmt: skip


def _meet(provider: Provider, claims: Claims) -> tuple[User, bool]:
    """Return the person of whom the provider speaks for the first time, and whether they are new."""
    user = User.objects.filter(email=claims.email).first()
    if user is None:
        return _make(provider, claims), True
    if not Membership.objects.filter(user=user).exists():
        raise _refuse(
            "sso.not_member",
            _("There is an account with %(email)s that does not belong to this company. Have yourself invited, and "
              "accept the invitation as you have signed in until now.") % {"email": claims.email},
        )  # fmt: skip
    if Identity.objects.filter(user=user, issuer=claims.issuer).exists():
        # An address that was given to somebody else must not bring its former owner's account along.
        raise _refuse(
            "sso.other_identity",
            _("%(email)s belongs to another person at your company's provider. If that was you, ask a manager to "
              "release the link under Company, Single sign-on.") % {"email": claims.email},
        )  # fmt: skip
    return user, False


def _make(provider: Provider, claims: Claims) -> User:
    invited = (
        Invitation.objects.select_for_update(of=("self",))
        .filter(email=claims.email, accepted_at=None, withdrawn_at=None, expires_at__gt=clock.now())
        .first()
    )
    role, branches = (invited.role, invited.branches) if invited else (provider.role, [])
    if not role or find_role(role) is None:
        raise _refuse(
            "sso.not_member", _("You do not belong to this company yet. Ask a manager to invite you.")
        )
    require_room("users", Membership.objects.filter(deactivated_at=None).count)
    try:
        with transaction.atomic():
            # Without a password and without a proof that counts outside the company.
            user = User.objects.create_user(
                email=claims.email, name=claims.name, language=get_language() or ""
            )
    except IntegrityError as error:
        raise _refuse(
            "sso.not_member", _("Somebody is signing in with your address just now; try again.")
        ) from error
    Membership.objects.create(user=user, role=role, branches=branches)
    if invited:
        invited.accepted_at = clock.now()
        invited.save(update_fields=["accepted_at"])
    return user


def _refuse(key: str, sentence: str) -> ForbiddenError:
    return ForbiddenError(sentence, key=key)
