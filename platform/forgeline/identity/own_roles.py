"""The roles that a company made for itself: copied from another, changed, taken away; and every role by its key.

Nobody makes a role that may more than the maker, and a role that somebody has stays.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from forgeline.base.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from forgeline.identity.models import ApiKey, Invitation, Membership, OwnRole, PartnerGrant, Role
from forgeline.identity.policy import Actor, permissions_of, require_permission
from forgeline.identity.roles import BUILT_IN, OWN, PEOPLE
from forgeline.modules.registry import list_permissions

MOST = 50
_PREFIX = "own-"


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """A role as pages and the API show it."""

    key: str
    title: str
    help: str
    permissions: frozenset[str]
    is_own: bool = False
    row_id: int | None = None


def list_roles() -> list[RoleFacts]:
    """Return the roles of the company in force: those that everybody has, then its own by name."""
    built_in = [
        RoleFacts(role.key, str(Role(role.key).label), str(role.help), permissions_of(role.key))
        for role in BUILT_IN.values()
    ]
    own = [
        RoleFacts(row.key, row.name, "", permissions_of(row.key, row.permissions), True, row.pk)
        for row in OwnRole.objects.all()
    ]
    return built_in + own


def find_role(key: str) -> RoleFacts | None:
    """Return a role of the company in force, or None."""
    return next((role for role in list_roles() if role.key == key), None)


def name_role(key: str) -> str:
    """Return what a role is called; its key where it is gone."""
    found = find_role(key)
    return found.title if found else key


def list_givable(actor: Actor) -> list[RoleFacts]:
    """Return the roles that an actor may give: none that may more than the actor itself."""
    return [role for role in list_roles() if actor.may_give(role.permissions)]


def require_givable(actor: Actor, key: str) -> RoleFacts:
    """Return the role, or raise: nobody gives a role, to a person or a key, that may more than the giver."""
    role = find_role(key)
    if role is None:
        raise InvalidInputError(
            _("There is no such role."), data={"fields": {"role": [_("There is no such role.")]}}
        )
    if not actor.may_give(role.permissions):
        raise _above(_("You cannot give a role that may more than you may."), key)
    return role


def require_within(actor: Actor, key: str) -> None:
    """Pass, or raise: nobody changes a person who may more."""
    role = find_role(key)
    if role is not None and not actor.may_give(role.permissions):
        raise _above(_("This person may more than you may; ask an owner."), key)


def copy_role(*, key: str, name: str, actor: Actor, permissions: Sequence[str] | None = None) -> OwnRole:
    """Make a role of one's own out of another, with its permissions or others.

    **Raises** ForbiddenError for one that may more than the actor, ConflictError for a name that is taken.
    """
    require_permission(actor, PEOPLE)
    copied = find_role(key)
    if copied is None:
        raise NotFoundError(_("There is no such role."))
    wanted = _check(actor, copied.permissions - {OWN} if permissions is None else permissions)
    if OwnRole.objects.count() >= MOST:
        raise ConflictError(
            _("There are %(most)d roles; take away one that nobody has.") % {"most": MOST},
            key="identity.too_many_roles",
        )
    row = OwnRole(key=_PREFIX + secrets.token_hex(6), name=_clean(name), permissions=wanted)
    _save(row)
    return row


def change_role(
    role_id: int, *, actor: Actor, name: str | None = None, permissions: Sequence[str] | None = None
) -> OwnRole:
    """Change a role of the company's own; whoever has it may otherwise from the next request on."""
    require_permission(actor, PEOPLE)
    row = _get(role_id)
    _check(actor, permissions_of(row.key, row.permissions))
    if permissions is not None:
        row.permissions = _check(actor, permissions)
    if name is not None:
        row.name = _clean(name)
    _save(row)
    return row


def remove_role(role_id: int, *, actor: Actor) -> None:
    """Take a role away that nobody has. **Raises** ConflictError where somebody does, NotFoundError."""
    require_permission(actor, PEOPLE)
    row = _get(role_id)
    _check(actor, permissions_of(row.key, row.permissions))
    holders = (
        Membership.objects.filter(role=row.key).exists()
        or Invitation.objects.filter(role=row.key, accepted_at=None, withdrawn_at=None).exists()
        or ApiKey.objects.filter(role=row.key, revoked_at=None).exists()
        or PartnerGrant.objects.filter(role=row.key, revoked_at=None).exists()
    )
    if holders:
        raise ConflictError(
            _("People or keys have this role; give them another one first."), key="identity.role_in_use"
        )
    row.delete()


def _check(actor: Actor, wanted: Iterable[str]) -> list[str]:
    """Return permissions in the order of their declaration. **Raises** for unknown ones and those above the actor."""
    chosen = set(wanted)
    unknown = sorted(chosen.difference(list_permissions()))
    if unknown or OWN in chosen:
        sentence = _("There is no such permission: %(names)s.") % {"names": ", ".join(unknown or [OWN])}
        raise InvalidInputError.at("permissions", sentence)
    if not actor.may_give(frozenset(chosen)):
        raise _above(_("You cannot give a role that may more than you may."), "")
    return [permission for permission in list_permissions() if permission in chosen]


def _clean(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 60:
        sentence = _("Give the role a name of at most 60 characters.")
        raise InvalidInputError.at("name", sentence)
    return name


def _save(row: OwnRole) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise ConflictError(_("There is a role with this name."), key="identity.taken") from error


def _get(role_id: int) -> OwnRole:
    row = OwnRole.objects.select_for_update().filter(pk=role_id).first()
    if row is None:
        raise NotFoundError(_("There is no such role."), data={"id": role_id})
    return row


def _above(sentence: str, key: str) -> ForbiddenError:
    return ForbiddenError(sentence, key="identity.role_above", data={"role": key})
