"""What every write of maintenance does alike, beside what the kernel does of every write about the plant.

Not here: one row read, locked, changed (forgeline.assets.services.saving).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import models
from django.utils import translation
from django.utils.translation import gettext as _

from forgeline.assets.models import Asset
from forgeline.assets.services import saving
from forgeline.base.errors import InvalidInputError
from forgeline.identity.models import Membership
from forgeline.identity.policy import Actor
from forgeline.tenancy.models import Tenant

Row = TypeVar("Row", bound=models.Model)


def invalid(**fields: str) -> InvalidInputError:
    """Return the error that names what is wrong with each field; its sentence is the first field's."""
    first = next(iter(fields.values()))
    return InvalidInputError(first, data={"fields": {name: [text] for name, text in fields.items()}})


def save(row: Row, *, taken: str = "") -> Row:
    """Validate and store a row. **Raises** InvalidInputError by field, ConflictError with ``taken`` for a double."""
    # What may be missing is; what is named was looked up by whoever named it.
    left_out = [
        each.name
        for each in row._meta.concrete_fields
        if each.is_relation or (each.null and getattr(row, each.attname) is None)
    ]
    return saving.save(row, taken=taken or _("There is one like it."), left_out=left_out)


def machine(asset_id: int) -> Asset:
    """Return an asset in use that the caller may act on. **Raises** NotFoundError, InvalidInputError."""
    asset = saving.get(Asset, asset_id)
    if asset.retired_at is not None:
        raise invalid(asset=_("This machine is out of use."))
    return asset


def check_person(user_id: int | None) -> int | None:
    """Pass for a member of the company. **Raises** InvalidInputError."""
    if user_id is not None and not Membership.objects.filter(user_id=user_id, deactivated_at=None).exists():
        raise invalid(assignee=_("This person does not belong to the company."))
    return user_id


@contextmanager
def company_language() -> Iterator[None]:
    """What is stored for everybody is said in the company's language, whoever's turn it happens to be."""
    with translation.override(Tenant.objects.values_list("language", flat=True).first() or "en"):
        yield


def by_of(actor: Actor | None) -> str:
    """Return the name under which a deed is written; the service's own where nobody acts."""
    return "Forgeline" if actor is None else actor.label[:160]
