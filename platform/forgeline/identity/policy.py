"""Who may do what: roles as permission sets, and the actor that a request carries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from forgeline.base.errors import ForbiddenError
from forgeline.identity.roles import BUILT_IN
from forgeline.modules.registry import list_branch_permissions, list_kind_permissions, list_permissions
from forgeline.tenancy.models import Kind
from forgeline.tenancy.scoping import tenant_scope


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: a person or a program, in one tenant, with the permissions of one role."""

    tenant_id: int
    role: str
    user_id: int | None = None
    api_key_id: int | None = None
    label: str = ""
    permissions: frozenset[str] = field(default_factory=frozenset)
    shut: frozenset[str] = frozenset()
    """What the role holds besides, of modules that the company does not have: not to be used, but to be given."""
    branches: tuple[str, ...] = ()
    """Paths of the assets beneath which alone the actor may see and act; none for the whole company."""
    kind: str = Kind.COMPANY
    """What the company is to the service."""
    visit: str = ""
    """partner | operator: who acts here without belonging here; '' for a member."""
    on_behalf: str = ""
    """Of whom a visitor acts, as the audit names it."""
    until: datetime | None = None
    """When a visit ends by itself."""
    partner_id: int | None = None
    """The partner by which a visitor comes; None for a member and for the operator's people."""

    def has_permission(self, permission: str) -> bool:
        return permission in self.permissions

    def may_give(self, permissions: frozenset[str]) -> bool:
        """Say whether somebody may be given these: nobody gives more than the giver's own role holds."""
        return permissions <= self.permissions | self.shut

    def may_change(self, path: str) -> bool:
        """Say whether what lies at a path of the plant, ``/3/17/``, lies within the actor's branches."""
        return not self.branches or path.startswith(self.branches)


@contextmanager
def actor_scope(actor: Actor) -> Iterator[None]:
    """Run a block as what the actor is: in the tenant, and in the branches of the plant that it is limited to."""
    with tenant_scope(actor.tenant_id, branches=actor.branches):
        yield


def permissions_of(
    role: str,
    own: Iterable[str] | None = None,
    *,
    branches: Sequence[str] = (),
    only: Iterable[str] | None = None,
    kind: str = Kind.COMPANY,
) -> frozenset[str]:
    """Return the permissions of a grant.

    ``own`` are those of a role that the company made itself, ``only`` those that a key is narrowed to; whoever is
    limited to ``branches`` has none that is about the whole company; a ``kind`` of company
    brings some of its own. A role that nobody knows only looks.
    """
    declared, of_kind = list_permissions(), list_kind_permissions(kind)
    if own is None:
        found = BUILT_IN.get(role, BUILT_IN["viewer"]).permissions([*declared, *of_kind])
    else:
        found = frozenset(own).intersection(declared) | BUILT_IN["viewer"].permissions(of_kind)
    if only is not None:
        found &= frozenset(only)
    return found & frozenset(list_branch_permissions()) if branches else found


def require_permission(actor: Actor, permission: str) -> None:
    """Pass, or raise ForbiddenError that names what is missing."""
    if not actor.has_permission(permission):
        raise ForbiddenError.lacks(permission, is_key=actor.api_key_id is not None, key="identity.forbidden")
