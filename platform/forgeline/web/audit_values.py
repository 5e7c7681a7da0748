"""What stands in audited columns as people read it: names for ids, titles for keys, amounts, the plant's clock.

Not here: the columns' own words (audit_words). What is gone stays a number, what has no word stands as it is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext as _, gettext_lazy, pgettext

from forgeline.assets.industries import INDUSTRIES
from forgeline.assets.models import Point, Site
from forgeline.assets.profiles import PROFILES
from forgeline.assets.roles import POINT_ROLES
from forgeline.audit.models import Entry
from forgeline.audit.queries import read_tables
from forgeline.billing.models import Plan, Subscription
from forgeline.billing.money import words
from forgeline.identity.models import Membership, PartnerGrant
from forgeline.identity.own_roles import list_roles
from forgeline.modules.registry import find_job_kind, list_events, list_features, list_messages
from forgeline.tenancy.models import Tenant
from forgeline.web.audit_words import find_field
from forgeline.web.grant_forms import branch_titles, name_branches, permission_title
from forgeline.web.times import say_end
from forgeline.web.views.calendar import WEEKDAYS

_WAYS: dict[str, Promise] = {
    "own": gettext_lazy("password or passkey"),
    "sso": gettext_lazy("single sign-on"),
}
_FACTORS: dict[str, Promise] = {
    "totp": gettext_lazy("authenticator app"),
    "webauthn": gettext_lazy("passkey or security key"),
    "recovery_codes": gettext_lazy("recovery codes"),
}
_LOOSE: dict[str, type[Model]] = {"site_id": Site, "point_ids": Point, "partner_id": Tenant}
"""Columns that hold ids without a foreign key."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


class Wording:
    """Says the values of a page of entries: what their ids point at is looked up once a model, in the scope at hand."""

    def __init__(self, zone: str, entries: Iterable[Entry] = ()) -> None:
        self._zone = zone
        self._names = _read_names(entries)
        self._said: dict[str, Callable[[str], str]] = {
            "industry": lambda key: str(INDUSTRIES[key].title),
            "profile": lambda key: PROFILES[key].name_in(get_language() or "en"),
            "language": lambda key: str(dict(settings.LANGUAGES)[key]),
            "way": lambda key: str(_WAYS[key]),
            "factor": lambda key: str(_FACTORS[key]),
            "factors": lambda key: str(_FACTORS[key]),
            "plan": lambda key: self._plans[key],
            "plan_id": lambda key: self._plans[key],
            "next_plan_id": lambda key: self._plans[key],
            "permissions": permission_title,
            "kinds": lambda key: str(list_messages()[key]),
            "events": lambda key: next(str(event.title) for event in list_events() if event.key == key),
        }

    def value(self, kind: str, column: str, value: Any) -> str:
        """Return a value as a person reads it; nothing for nothing."""
        if value is None or value in ("", [], {}):
            return ""
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if column == "branches" and isinstance(value, list):
            return _listed(name_branches(value, self._branches))
        if column == "weekdays" and isinstance(value, list):
            names = dict(WEEKDAYS)
            return _listed(str(names.get(each, each)) for each in value)
        if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
            return _listed(self._one(kind, column, each) for each in value)
        if isinstance(value, dict) and set(value) <= {"en", "zh-hans"}:
            return str(value.get((get_language() or "en").lower()) or next(iter(value.values())))
        if isinstance(value, str | int | float):
            return self._one(kind, column, value)
        return json.dumps(value, ensure_ascii=False)

    def subject(self, entry: Entry) -> str:
        """Return what an entry is about, by its name: some rows are known by a key alone."""
        kind = entry.action.rpartition(".")[0]
        if kind == "entitlements.feature":
            return str(list_features().get(entry.subject, entry.subject))
        if kind == "jobs.job":
            found = find_job_kind(entry.subject)
            return str(found.title) if found else entry.subject
        table = read_tables().get(kind)
        if table is None or "@" in table.label or not entry.subject:
            return entry.subject
        return self._one(kind, table.label, entry.subject)

    def _one(self, kind: str, column: str, value: str | float) -> str:
        field = find_field(kind, column)
        if field is not None:
            word = dict(field.flatchoices).get(value)
            if word is not None:
                return str(word)
        if (
            (kind, column) == ("identity.partner", "expires_at")
            and isinstance(value, str)
            and _MOMENT.match(value)
        ):
            return say_end(datetime.fromisoformat(value), self._zone)
        if kind == "billing.subscription" and column == "balance" and isinstance(value, int):
            return words(value, self._currency).strip()
        model = _target(kind, column)
        if model is not None and isinstance(value, int):
            return self._names.get((model, value), str(value))
        if isinstance(value, str):
            return _moment(value, self._zone) if _MOMENT.match(value) else self._key(kind, column, value)
        return str(value)

    def _key(self, kind: str, column: str, value: str) -> str:
        if column == "role":
            # A point's role says what it measures, everybody else's what somebody may.
            found = POINT_ROLES.get(value)
            return str(found.title) if found else self._roles.get(value, value)
        if kind == "jobs.job" and column == "kind":
            job = find_job_kind(value)
            return str(job.title) if job else value
        try:
            return self._said[column](value) if column in self._said else value
        except (KeyError, StopIteration):
            return value

    @cached_property
    def _roles(self) -> Mapping[str, str]:
        return {role.key: role.title for role in list_roles()}

    @cached_property
    def _branches(self) -> Mapping[str, str]:
        return branch_titles()

    @cached_property
    def _plans(self) -> Mapping[str, str]:
        return {plan.key: plan.title for plan in Plan.objects.all()}

    @cached_property
    def _currency(self) -> str:
        return Subscription.objects.values_list("currency", flat=True).first() or ""


def _listed(parts: Iterable[str]) -> str:
    return pgettext("between names", ", ").join(parts)


def _target(kind: str, column: str) -> type[Model] | None:
    """Return the model at whose rows the numbers in a column point, or None."""
    field = find_field(kind, column)
    related = field.related_model if field is not None else None
    return related if isinstance(related, type) else _LOOSE.get(column)


def _read_names(entries: Iterable[Entry]) -> dict[tuple[type[Model], int], str]:
    wanted: dict[type[Model], set[int]] = {}
    for entry in entries:
        kind = entry.action.rpartition(".")[0]
        for column, pair in entry.changes.items():
            model = _target(kind, column)
            for value in pair if model is not None else ():
                ids = value if isinstance(value, list) else [value]
                wanted.setdefault(model, set()).update(each for each in ids if type(each) is int)  # type: ignore[arg-type]
    return {
        (model, number): name
        for model, numbers in wanted.items()
        if numbers
        for number, name in _names_of(model, numbers)
    }


def _names_of(model: type[Model], numbers: set[int]) -> list[tuple[int, str]]:
    if model is Tenant:
        # A partner's own row lies behind its wall; the grants tell what it is called.
        grants = PartnerGrant.objects.filter(partner_id__in=numbers).order_by("pk")
        return list(grants.values_list("partner_id", "partner_name"))
    if model is Membership:
        members = Membership.objects.select_related("user").filter(pk__in=numbers)
        return [(row.pk, str(row.user)) for row in members]
    rows = model._default_manager.filter(pk__in=numbers)
    return [(row.pk, getattr(row, "title", "") or getattr(row, "name", "") or str(row)) for row in rows]


def _moment(value: str, zone: str) -> str:
    try:
        at = datetime.fromisoformat(value)
        # Postgres writes an instant with its offset; what has none is no instant.
        return value if at.tzinfo is None else at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):
        # Somebody's text that looks like a time.
        return value
