"""Writes about people and companies. Not here: who belongs to one (people), keys of programs (keys)."""

from __future__ import annotations

import secrets

from allauth.account.models import EmailAddress
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from forgeline.base.errors import ConflictError
from forgeline.identity.models import Membership, Role, User
from forgeline.tenancy.models import Tenant
from forgeline.tenancy.scoping import tenant_scope


def create_tenant(*, name: str, slug: str, language: str = "en", industry: str = "") -> Tenant:
    """Make a company. **Raises** ConflictError when the short name is taken."""
    with transaction.atomic():
        # Its own row is behind row-level security, so the scope is entered before the row exists.
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval(pg_get_serial_sequence('tenancy_tenant', 'id'))")
            tenant_id = int(cursor.fetchone()[0])
        with tenant_scope(tenant_id):
            try:
                with transaction.atomic():
                    return Tenant.objects.create(
                        id=tenant_id, name=name, slug=slug, language=language, industry=industry
                    )
            except IntegrityError as error:
                raise ConflictError(
                    _("This short name is taken; choose another."),
                    key="tenancy.slug_taken",
                    data={"slug": slug},
                ) from error


def create_user(*, email: str, password: str | None, name: str = "", language: str = "") -> User:
    """Make a person whose address needs no proof: who opens an empty installation, who was invited there.

    **Raises** ConflictError when the e-mail address is known.
    """
    try:
        with transaction.atomic():
            user = User.objects.create_user(email=email, password=password, name=name, language=language)
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
            return user
    except IntegrityError as error:
        raise ConflictError(
            _("There is an account with this e-mail address."), key="identity.email_taken"
        ) from error


def draw_letters(count: int) -> str:
    """Return letters and digits by chance that nobody mistakes for each other."""
    return "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _place in range(count))


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
