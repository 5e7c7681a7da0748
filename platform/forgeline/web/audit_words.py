"""Fields and values of audited changes as people read them: words for columns, the plant's clock for times.

Not here: the log itself (views/audit). What has no word stands as the database calls it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django.apps import apps
from django.db.models import Field, Model
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext as _, gettext_lazy

_FIELDS: dict[str, Promise] = {
    "retired_at": gettext_lazy("out of use since"),
    "revoked_at": gettext_lazy("revoked at"),
    "withdrawn_at": gettext_lazy("withdrawn at"),
    "deactivated_at": gettext_lazy("deactivated at"),
    "expires_at": gettext_lazy("expires at"),
    "ended_at": gettext_lazy("ended at"),
    "accepted_at": gettext_lazy("accepted at"),
    "proven_at": gettext_lazy("proven at"),
    "changed_at": gettext_lazy("changed at"),
    "started_at": gettext_lazy("begun at"),
    "done_at": gettext_lazy("done at"),
    "verified_at": gettext_lazy("verified at"),
    "asked_at": gettext_lazy("asked for at"),
    "asked_by": gettext_lazy("asked for by"),
    "trained_at": gettext_lazy("trained at"),
    "drifted_at": gettext_lazy("drifted at"),
    "opened_at": gettext_lazy("opened at"),
    "found_at": gettext_lazy("found at"),
    "found_by": gettext_lazy("found by"),
    "looked_at": gettext_lazy("looked at"),
    "due_on": gettext_lazy("due on"),
    "state": gettext_lazy("state"),
    "kind": gettext_lazy("kind"),
    "key": gettext_lazy("key"),
    "number": gettext_lazy("number"),
    "reason": gettext_lazy("reason"),
    "position": gettext_lazy("place in the list"),
    "branches": gettext_lazy("parts of the plant"),
    "permissions": gettext_lazy("permissions"),
    "definition": gettext_lazy("content"),
    "currency": gettext_lazy("currency"),
    "zone": gettext_lazy("time zone"),
    "profile": gettext_lazy("device profile"),
    "labour_minutes": gettext_lazy("minutes worked"),
    "labour_cost": gettext_lazy("cost of labour"),
    "parts_cost": gettext_lazy("cost of parts"),
    "finding_note": gettext_lazy("note on the finding"),
    "remark": gettext_lazy("remark"),
    "user_id": gettext_lazy("person"),
    "assignee_id": gettext_lazy("assigned to"),
    "site_id": gettext_lazy("plant"),
    "asset_id": gettext_lazy("machine"),
    "parent_id": gettext_lazy("belongs to"),
    "plan_id": gettext_lazy("plan"),
    "way": gettext_lazy("signed in with"),
    "amount": gettext_lazy("amount"),
    "reference": gettext_lazy("reference"),
    "paid_on": gettext_lazy("paid on"),
    "corrects": gettext_lazy("takes back"),
    "is_on": gettext_lazy("switched on"),
}
"""Columns that pages never name by themselves."""
_VALUES: dict[tuple[str, str], Promise] = {
    ("way", "own"): gettext_lazy("password or passkey"),
    ("way", "sso"): gettext_lazy("single sign-on"),
}
"""What stands in no column with choices."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def field_word(kind: str, column: str) -> str:
    """Return what a column of a kind of record (``assets.point``) is called; the column where nobody has said."""
    field = _find(kind, column)
    if field is not None:
        if isinstance(field.verbose_name, Promise):
            return str(field.verbose_name)
        related = field.related_model
        if (
            column not in _FIELDS
            and isinstance(related, type)
            and isinstance(related._meta.verbose_name, Promise)
        ):
            return str(related._meta.verbose_name)
    return str(_FIELDS.get(column, column))


def say_value(kind: str, column: str, value: Any, zone: str) -> str:
    """Return a value as a person reads it: the word of a choice, times on the plant's clock, nothing for nothing."""
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    field = _find(kind, column)
    if field is not None and isinstance(value, str | int):
        word = dict(field.flatchoices).get(value)
        if word is not None:
            return str(word)
    if isinstance(value, str) and (column, value) in _VALUES:
        return str(_VALUES[column, value])
    if isinstance(value, str):
        return _moment(value, zone) if _MOMENT.match(value) else value
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        return _(", ").join(str(each) for each in value)
    if isinstance(value, dict) and set(value) <= {"en", "zh-hans"}:
        return str(value.get((get_language() or "en").lower()) or next(iter(value.values())))
    return json.dumps(value, ensure_ascii=False)


def _moment(value: str, zone: str) -> str:
    try:
        at = datetime.fromisoformat(value)
        # Postgres writes an instant with its offset; what has none is no instant.
        return value if at.tzinfo is None else at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):
        # Somebody's text that looks like a time.
        return value


@cache
def _find(kind: str, column: str) -> Field[Any, Any] | None:
    """Return the field behind a column: of the model that the kind is named after, else of any of its app."""
    return next((field for field in _fields(kind) if field.attname == column), None)


def _fields(kind: str) -> Iterator[Field[Any, Any]]:
    label, _dot, name = kind.partition(".")
    try:
        models: list[type[Model]] = list(apps.get_app_config(label).get_models())
    except LookupError:
        return
    word = name.replace("_", "")
    # Part of a model's name is enough: health.plan is a MaintenancePlan, identity.member a Membership.
    near = [model for model in models if _is_near(model, word)]
    own = [model for model in near if model.__name__.lower() == word]
    for model in own or near or models:
        yield from model._meta.concrete_fields


def _is_near(model: type[Model], word: str) -> bool:
    return model.__name__.lower().startswith(word) or model.__name__.lower().endswith(word)
