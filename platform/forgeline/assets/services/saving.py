"""What every write about the plant does the same way: permission, validation with a field, one row or a clear error."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from forgeline.assets.models.naming import MAX_NAME, Named
from forgeline.base.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from forgeline.identity.policy import Actor, require_permission

EDIT = "assets.edit"

Row = TypeVar("Row", bound=models.Model)


def require_edit(actor: Actor | None) -> None:
    """Pass for the platform itself (no actor) and for whoever may edit the plant."""
    if actor is not None:
        require_permission(actor, EDIT)


def save(
    row: Row, *, taken: str | Promise, is_new: bool = False, left_out: Collection[str] = ("tenant",)
) -> Row:
    """Validate all fields but those ``left_out`` and store a row; ``is_new`` for one that has its id already.

    **Raises** InvalidInputError by field, ConflictError with ``taken`` for a double.
    """
    try:
        row.clean_fields(exclude=left_out)
    except ValidationError as error:
        raise invalid(error.message_dict) from error
    if isinstance(row, Named):
        check_names(row)
    try:
        with transaction.atomic():
            row.save(force_insert=is_new)
    except IntegrityError as error:
        raise ConflictError(str(taken), key=f"{row._meta.app_label}.taken") from error
    return row


def check_names(row: Named) -> None:
    """Pass for names in languages that there are; those without a word are left out."""
    known = dict(settings.LANGUAGES)
    if not isinstance(row.names, dict) or any(
        language not in known or not isinstance(name, str) or len(name) > MAX_NAME
        for language, name in row.names.items()
    ):
        sentence = _('Give names by language, such as {"en": "Press 1"}; there are: %(known)s.')
        raise invalid({"names": [sentence % {"known": ", ".join(known)}]})
    row.names = {language: name.strip() for language, name in row.names.items() if name.strip()}


def change(row: models.Model, changes: dict[str, Any], allowed: frozenset[str]) -> None:
    """Set attributes. **Raises** InvalidInputError for one that may not be changed here."""
    unknown = {name: [_("This cannot be changed here.")] for name in changes if name not in allowed}
    if unknown:
        raise invalid(unknown)
    for name, value in changes.items():
        setattr(row, name, value)


def invalid(fields: dict[str, Any]) -> InvalidInputError:
    """Return the error that names what is wrong with each field."""
    plain = {name: [str(sentence) for sentence in sentences] for name, sentences in fields.items()}
    first = next(iter(plain.values()), [""])[0]
    return InvalidInputError(
        _("What was sent cannot be used: %(first)s") % {"first": first}, data={"fields": plain}
    )


def get(model: type[Row], row_id: int, *, also_retired: bool = False) -> Row:
    """Return a row of the tenant in scope. **Raises** NotFoundError, for one that is out of use as well."""
    found = model._default_manager.filter(pk=row_id).first()
    if found is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": row_id})
    return found if also_retired else _in_use(found)


def get_for_change(model: type[Row], row_id: int, *, also_retired: bool = False) -> Row:
    """Return a row, locked until the end of the transaction. **Raises** NotFoundError, for one that is out of use as
    well; ForbiddenError for one that the caller, limited to branches of the plant, sees only as the name above them.
    """
    found = model._default_manager.select_for_update(of=("self",)).filter(pk=row_id).first()
    if found is None:
        get(model, row_id)
        raise ForbiddenError(
            _("This lies outside the parts of the plant that you may change."), key="identity.outside_branch"
        )
    return found if also_retired else _in_use(found)


def _in_use(row: Row) -> Row:
    """What was taken out of use keeps its history and is changed no more."""
    if getattr(row, "retired_at", None) is not None:
        raise NotFoundError(_("This is out of use; nothing is changed at it any more."), data={"id": row.pk})
    return row
