"""What every write of maintenance does alike: permission, fields validated, one row locked or a clear error."""

from __future__ import annotations

from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from forgeline.assets.models import Asset
from forgeline.assets.models.naming import MAX_NAME, Named
from forgeline.base.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from forgeline.identity.models import Membership
from forgeline.identity.policy import Actor

Row = TypeVar("Row", bound=models.Model)


def invalid(**fields: str) -> InvalidInputError:
    """Return the error that names what is wrong with each field."""
    first = next(iter(fields.values()))
    return InvalidInputError(first, data={"fields": {name: [text] for name, text in fields.items()}})


def get(model: type[Row], row_id: int) -> Row:
    """Return a row of the company in scope. **Raises** NotFoundError."""
    found = model._default_manager.filter(pk=row_id).first()
    if found is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": row_id})
    return found


def lock(model: type[Row], row_id: int) -> Row:
    """Return a row, locked until the end of the transaction. **Raises** NotFoundError, ForbiddenError for one that
    whoever is limited to branches may read and not change.
    """
    found = model._default_manager.select_for_update(of=("self",)).filter(pk=row_id).first()
    if found is None:
        get(model, row_id)
        raise ForbiddenError(
            _("This lies outside the parts of the plant that you may change."), key="identity.outside_branch"
        )
    return found


def save(row: Row, *, taken: str = "") -> Row:
    """Validate and store a row. **Raises** InvalidInputError by field, ConflictError with ``taken`` for a double."""
    # What may be missing is; what is named was looked up by whoever named it.
    left_out = [
        each.name
        for each in row._meta.concrete_fields
        if each.is_relation or (each.null and getattr(row, each.attname) is None)
    ]
    try:
        row.clean_fields(exclude=left_out)
    except ValidationError as error:
        fields = {name: [str(each) for each in said] for name, said in error.message_dict.items()}
        first = next(iter(fields.values()))[0]
        raise InvalidInputError(
            _("What was sent cannot be used: %(first)s") % {"first": first}, data={"fields": fields}
        ) from error
    if isinstance(row, Named):
        _check_names(row)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise ConflictError(taken or _("There is one like it."), key="health.taken") from error
    return row


def _check_names(row: Named) -> None:
    """Pass for names in languages that there are."""
    known = dict(settings.LANGUAGES)
    if not isinstance(row.names, dict) or any(
        language not in known or not isinstance(name, str) or len(name) > MAX_NAME
        for language, name in row.names.items()
    ):
        raise invalid(names=_('Give names by language, such as {"en": "Press 1"}.'))
    row.names = {language: name.strip() for language, name in row.names.items() if name.strip()}


def change(row: models.Model, changes: dict[str, Any], allowed: frozenset[str]) -> None:
    """Set attributes. **Raises** InvalidInputError for one that may not be changed here."""
    for name, value in changes.items():
        if name not in allowed:
            raise invalid(**{name: _("This cannot be changed here.")})
        setattr(row, name, value)


def machine(asset_id: int) -> Asset:
    """Return an asset in use that the caller may act on. **Raises** NotFoundError, InvalidInputError."""
    asset = get(Asset, asset_id)
    if asset.retired_at is not None:
        raise invalid(asset=_("This machine is out of use."))
    return asset


def check_person(user_id: int | None) -> int | None:
    """Pass for a member of the company. **Raises** InvalidInputError."""
    if user_id is not None and not Membership.objects.filter(user_id=user_id, deactivated_at=None).exists():
        raise invalid(assignee=_("This person does not belong to the company."))
    return user_id


def by_of(actor: Actor | None) -> str:
    """Return the name under which a deed is written; the service's own where nobody acts."""
    return "Forgeline" if actor is None else actor.label[:160]
