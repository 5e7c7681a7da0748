"""What every write here does the same way: permission, validation by field, one row or a clear error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from forgeline.base.errors import ConflictError, InvalidInputError
from forgeline.identity.policy import Actor, require_permission
from forgeline.notifications.directory import Directory
from forgeline.notifications.providers import list_places

EDIT = "notifications.edit"
Row = TypeVar("Row", bound=models.Model)


def require_edit(actor: Actor | None) -> None:
    """Pass for the platform itself (no actor) and for whoever may edit who is told."""
    if actor is not None:
        require_permission(actor, EDIT)


def invalid(**fields: str) -> InvalidInputError:
    """Return the error that names what is wrong with each field."""
    first = next(iter(fields.values()))
    return InvalidInputError(
        _("What was sent cannot be used: %(first)s") % {"first": first},
        data={"fields": {name: [sentence] for name, sentence in fields.items()}},
    )


def assign(row: models.Model, given: Mapping[str, Any]) -> None:
    """Set attributes."""
    for name, value in given.items():
        setattr(row, name, value)


def save(row: Row) -> Row:
    """Validate and store a row. **Raises** InvalidInputError by field, ConflictError where the name is taken."""
    try:
        row.clean_fields(exclude=["tenant"])
    except ValidationError as error:
        raise invalid(**{name: str(words[0]) for name, words in error.message_dict.items()}) from error
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise ConflictError(_("This name is taken; choose another."), key="notifications.taken") from error
    return row


def delete(row: models.Model) -> None:
    """Delete a row. **Raises** ConflictError where a route still leads there."""
    try:
        row.delete()
    except ProtectedError as error:
        routes = ", ".join(sorted({str(getattr(each, "route", each)) for each in error.protected_objects}))
        raise ConflictError(
            _("It is still in use by: %(routes)s. Take it out of there first.") % {"routes": routes},
            key="notifications.in_use",
        ) from error


def require_zone(zone: str, field: str = "zone") -> None:
    """Pass for the name of a time zone. **Raises** InvalidInputError."""
    if zone not in available_timezones():
        raise invalid(**{field: _("There is no such time zone; an example is Asia/Shanghai.")})


def require_place(site_id: int | None) -> None:
    """Pass for a plant of the company, or for none. **Raises** InvalidInputError."""
    if site_id is not None and site_id not in list_places():
        raise invalid(plant=_("There is no such plant."))


def require_members(user_ids: Iterable[int], field: str) -> None:
    """Pass where each is an active member of the company. **Raises** InvalidInputError."""
    wanted = set(user_ids)
    if wanted and not wanted <= set(Directory().people):
        raise invalid(**{field: _("Somebody named here is no member of the company.")})
