"""Writes about people, companies and keys."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from forgeline.base import clock
from forgeline.base.errors import ConflictError, NotFoundError
from forgeline.identity.models import ApiKey, Membership, Role, User
from forgeline.identity.queries import digest_of
from forgeline.tenancy.models import Tenant
from forgeline.tenancy.scoping import tenant_scope

KEY_PREFIX = "fl_"
_USE_RECORDED_EVERY = timedelta(minutes=1)


def create_tenant(*, name: str, slug: str, language: str = "en") -> Tenant:
    """Make a company. **Raises** ConflictError when the short name is taken."""
    with transaction.atomic():
        # Its own row is behind row-level security, so the scope is entered before the row exists.
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval(pg_get_serial_sequence('tenancy_tenant', 'id'))")
            tenant_id = int(cursor.fetchone()[0])
        with tenant_scope(tenant_id):
            try:
                with transaction.atomic():
                    return Tenant.objects.create(id=tenant_id, name=name, slug=slug, language=language)
            except IntegrityError as error:
                raise ConflictError(
                    _("This short name is taken; choose another."),
                    key="tenancy.slug_taken",
                    data={"slug": slug},
                ) from error


def create_user(*, email: str, password: str | None, name: str = "", language: str = "") -> User:
    """Make a person. **Raises** ConflictError when the e-mail address is known."""
    try:
        with transaction.atomic():
            return User.objects.create_user(email=email, password=password, name=name, language=language)
    except IntegrityError as error:
        raise ConflictError(
            _("There is an account with this e-mail address."), key="identity.email_taken"
        ) from error


def set_language(*, user_id: int, language: str) -> None:
    """Set the language in which a person is written to and reads the pages; '' leaves it to the company."""
    User.objects.filter(pk=user_id).update(language=language)


def add_member(*, tenant_id: int, user: User, role: str = Role.VIEWER) -> Membership:
    """Give a person a role in a company; a member's role is changed."""
    with tenant_scope(tenant_id):
        membership, _created = Membership.objects.update_or_create(
            tenant_id=tenant_id, user=user, defaults={"role": role}
        )
        return membership


def create_api_key(
    *, tenant_id: int, name: str, role: str = Role.VIEWER, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key for programs; returns its row and the key, which cannot be read again."""
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    with tenant_scope(tenant_id):
        row = ApiKey.objects.create(
            tenant_id=tenant_id,
            name=name,
            prefix=key[:9],
            digest=digest_of(key),
            role=role,
            expires_at=expires_at,
        )
    return row, key


def revoke_api_key(*, tenant_id: int, api_key_id: int) -> None:
    """Stop a key at once; revoking it again changes nothing. **Raises** NotFoundError for a key that was never."""
    with tenant_scope(tenant_id):
        if not ApiKey.objects.filter(id=api_key_id).exists():
            raise NotFoundError(_("There is no such key."))
        ApiKey.objects.filter(id=api_key_id, revoked_at=None).update(revoked_at=clock.now())


def record_key_use(*, api_key_id: int) -> None:
    """Note that a key was used, at most once a minute, within the scope that the request has entered."""
    now = clock.now()
    ApiKey.objects.filter(id=api_key_id).exclude(last_used_at__gt=now - _USE_RECORDED_EVERY).update(
        last_used_at=now
    )
