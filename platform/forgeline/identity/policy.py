"""Who may do what: roles as permission sets, and the actor that a request carries."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils.translation import gettext_lazy as _

from forgeline.base.errors import ForbiddenError
from forgeline.identity.roles import BUILT_IN
from forgeline.modules.registry import list_permissions


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: a person or a program, in one tenant, with the permissions of one role."""

    tenant_id: int
    role: str
    user_id: int | None = None
    api_key_id: int | None = None
    label: str = ""
    permissions: frozenset[str] = field(default_factory=frozenset)

    def has_permission(self, permission: str) -> bool:
        return permission in self.permissions


def permissions_of(role: str) -> frozenset[str]:
    """Return the permission set of a role; a role that nobody knows only looks."""
    return BUILT_IN.get(role, BUILT_IN["viewer"]).permissions(list_permissions())


def list_givable(actor: Actor) -> list[str]:
    """Return the roles that an actor may give: none that may more than the actor itself."""
    return [key for key in BUILT_IN if permissions_of(key) <= actor.permissions]


def require_permission(actor: Actor, permission: str) -> None:
    """Pass, or raise ForbiddenError that names what is missing."""
    if not actor.has_permission(permission):
        raise ForbiddenError(
            _("Your role does not allow this. Ask a manager of your company."),
            key="identity.forbidden",
            data={"permission": permission},
        )
