"""Writes about the keys of programs: made, narrowed, rotated with an overlap, revoked.

A key may never more than who makes it. Not here: finding one that a request carries (queries).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.base.errors import ConflictError, InvalidInputError, NotFoundError
from forgeline.identity.branches import check_branches
from forgeline.identity.models import ApiKey, Role
from forgeline.identity.own_roles import require_givable
from forgeline.identity.policy import Actor, require_permission
from forgeline.identity.queries import digest_of, find_actor_by_digest
from forgeline.identity.roles import PEOPLE
from forgeline.tenancy.scoping import tenant_scope

KEY_PREFIX = "fl_"
OVERLAP_HOURS = 24
MOST_OVERLAP_HOURS = 24 * 30
_USE_RECORDED_EVERY = timedelta(minutes=1)
_MOST_NOTED = 10_000
_noted_until: dict[int, float] = {}
"""Keys whose use this process has noted lately: most calls need not ask the database."""


def list_keys() -> QuerySet[ApiKey]:
    """Return the keys that serve, the newest first."""
    return ApiKey.objects.filter(revoked_at=None).exclude(expires_at__lte=clock.now())


def find_key_actor(api_key_id: int) -> Actor | None:
    """Return the actor of a key of the company in force, or None for one that serves no more."""
    row = list_keys().filter(pk=api_key_id).first()
    return None if row is None else find_actor_by_digest(row.digest)


def make_key(
    *,
    name: str,
    actor: Actor,
    role: str = Role.VIEWER,
    permissions: Sequence[str] | None = None,
    branches: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key that may no more than the actor; returns its row and the key, which cannot be read again.

    ``permissions`` narrows it to some of its role's, ``branches`` to parts of the plant, ``expires_at`` in time.
    **Raises** ForbiddenError for a role above the actor, InvalidInputError for anything else that does not fit.
    """
    require_permission(actor, PEOPLE)
    given = require_givable(actor, role)
    if permissions is not None and (beyond := sorted(set(permissions) - given.permissions)):
        sentence = _("The role does not have: %(names)s.") % {"names": ", ".join(beyond)}
        raise InvalidInputError.at("permissions", sentence)
    if expires_at is not None and expires_at <= clock.now():
        sentence = _("This time is past; the key would never serve.")
        raise InvalidInputError.at("expires_at", sentence)
    return _create(
        ApiKey(
            name=name,
            role=role,
            permissions=None if permissions is None else sorted(set(permissions)),
            branches=check_branches(branches, given.permissions),
            expires_at=expires_at,
        )
    )


def create_api_key(
    *, tenant_id: int, name: str, role: str = Role.VIEWER, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key on behalf of the service itself, as the demo plant's."""
    with tenant_scope(tenant_id):
        return _create(ApiKey(name=name, role=role, expires_at=expires_at))


def rotate_key(api_key_id: int, *, actor: Actor, overlap_hours: float = OVERLAP_HOURS) -> tuple[ApiKey, str]:
    """Make a key that takes over from another, with the same rights and as long a life; the older serves for the
    overlap and no longer.

    **Raises** NotFoundError, ForbiddenError where the key may more than the actor, ConflictError for one that has
    been taken over from.
    """
    require_permission(actor, PEOPLE)
    if not 0 <= overlap_hours <= MOST_OVERLAP_HOURS:
        sentence = _("The overlap is between 0 and %(most)d hours.") % {"most": MOST_OVERLAP_HOURS}
        raise InvalidInputError.at("overlap_hours", sentence)
    old = list_keys().select_for_update(of=("self",)).filter(pk=api_key_id).first()
    if old is None:
        raise NotFoundError(_("There is no such key."))
    require_givable(actor, old.role)
    if ApiKey.objects.filter(replaces=old, revoked_at=None).exists():
        raise ConflictError(
            _("Another key has taken over from this one already."), key="identity.key_rotated"
        )
    now = clock.now()
    life = None if old.expires_at is None else old.expires_at - old.created_at
    row, key = _create(
        ApiKey(
            name=old.name, role=old.role, permissions=old.permissions, branches=old.branches,
            expires_at=None if life is None else now + life, replaces=old,
        )
    )  # fmt: skip
    end = now + timedelta(hours=overlap_hours)
    old.expires_at = end if old.expires_at is None else min(end, old.expires_at)
    old.save(update_fields=["expires_at"])
    return row, key


def revoke_api_key(*, tenant_id: int, api_key_id: int) -> None:
    """Stop a key at once; revoking it again changes nothing. **Raises** NotFoundError for a key that was never."""
    with tenant_scope(tenant_id):
        if not ApiKey.objects.filter(id=api_key_id).exists():
            raise NotFoundError(_("There is no such key."))
        ApiKey.objects.filter(id=api_key_id, revoked_at=None).update(revoked_at=clock.now())


def record_key_use(*, api_key_id: int) -> None:
    """Note that a key was used, at most once a minute, within the scope that the request has entered."""
    if time.monotonic() < _noted_until.get(api_key_id, 0.0):
        return
    now = clock.now()
    ApiKey.objects.filter(id=api_key_id).exclude(last_used_at__gt=now - _USE_RECORDED_EVERY).update(
        last_used_at=now
    )
    if len(_noted_until) >= _MOST_NOTED:
        _noted_until.clear()
    _noted_until[api_key_id] = time.monotonic() + _USE_RECORDED_EVERY.total_seconds()


def _create(row: ApiKey) -> tuple[ApiKey, str]:
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    row.prefix, row.digest = key[:9], digest_of(key)
    row.save(force_insert=True)
    return row, key
