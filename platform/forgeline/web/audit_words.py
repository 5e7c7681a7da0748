"""Words for the columns of audited tables. Not here: what stands in them (audit_values), the log (views/audit)."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.apps import apps
from django.db.models import Field, Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

from forgeline.audit.queries import read_tables

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
    "began_on": gettext_lazy("begun on"),
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
    "number": gettext_lazy("number"),
    "reason": gettext_lazy("reason"),
    "position": gettext_lazy("place in the list"),
    "branches": gettext_lazy("parts of the plant"),
    "permissions": gettext_lazy("permissions"),
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
    "factor": gettext_lazy("factor"),
    "factors": gettext_lazy("factors"),
    "amount": gettext_lazy("amount"),
    "reference": gettext_lazy("reference"),
    "paid_on": gettext_lazy("paid on"),
    "is_on": gettext_lazy("switched on"),
    "address_sealed": gettext_lazy("address"),
    "balance": gettext_lazy("credit balance"),
    "by": gettext_lazy("filed by"),
    "channel_id": gettext_lazy("channel"),
    "closed_at": gettext_lazy("closed at"),
    "company_id": gettext_lazy("company"),
    "corrects": gettext_lazy("corrects the invoice"),
    "cost_acting": gettext_lazy("cost of acting"),
    "cost_failure": gettext_lazy("cost of a failure"),
    "evidence_from": gettext_lazy("evidence from"),
    "every_unit": gettext_lazy("unit of the interval"),
    "fault_token": gettext_lazy("code for reporting faults"),
    "former_sealed": gettext_lazy("former secret"),
    "former_until": gettext_lazy("former secret valid until"),
    "from_at": gettext_lazy("from"),
    "from_on": gettext_lazy("period from"),
    "granted_by_id": gettext_lazy("granted by"),
    "hint": gettext_lazy("address as shown"),
    "invited_by_id": gettext_lazy("invited by"),
    "issuer": gettext_lazy("issuer of the sign-in"),
    "lead_high_s": gettext_lazy("time left at most (s)"),
    "lead_low_s": gettext_lazy("time left at least (s)"),
    "lead_s": gettext_lazy("time left (s)"),
    "member_id": gettext_lazy("member visited"),
    "model": gettext_lazy("model"),
    "next_period": gettext_lazy("next billing period"),
    "next_plan_id": pgettext_lazy("billing", "next plan"),
    "on_behalf": gettext_lazy("on behalf of"),
    "password_hash": gettext_lazy("password"),
    "period": gettext_lazy("billing period"),
    "plan": pgettext_lazy("billing", "plan"),
    "point_ids": pgettext_lazy("column", "points"),
    "partner_id": gettext_lazy("partner"),
    "raw_days": gettext_lazy("days that raw samples are kept"),
    "chosen_days": gettext_lazy("days that the company chose"),
    "replaces_id": gettext_lazy("takes over from"),
    "roster_id": gettext_lazy("roster"),
    "route_id": gettext_lazy("route"),
    "secret_sealed": gettext_lazy("secret"),
    "size": gettext_lazy("size (bytes)"),
    "state_since": gettext_lazy("in this state since"),
    "stopped": gettext_lazy("stopped"),
    "stopped_because": gettext_lazy("stopped because"),
    "texts": gettext_lazy("text"),
    "to_at": gettext_lazy("until"),
    "to_on": gettext_lazy("period to (not included)"),
    "tone": gettext_lazy("kind of notice"),
    "username": gettext_lazy("user name"),
    "valid_from": gettext_lazy("valid from"),
    "valid_until": gettext_lazy("valid until"),
    "version": gettext_lazy("version"),
    "was_told": gettext_lazy("was told"),
    "entries": gettext_lazy("entries"),
    "from": gettext_lazy("from"),
    "to": gettext_lazy("until"),
}
"""Columns that pages never name by themselves."""
_CLEARER: dict[str, Promise] = {
    "key": pgettext_lazy("column", "key"),
    "definition": pgettext_lazy("column", "content"),
    "billing.subscription.plan_id": pgettext_lazy("billing", "plan"),
}
"""Where the column's own name says something else out of its form."""
_SILENT = frozenset(
    {
        "path", "digest", "mail_digest", "prefix", "token", "generation", "plan_turn", "episode_id", "anchor_day",
        "content_type", "subject",
    }
)  # fmt: skip
"""Columns that keep the building together and tell people nothing: the file of the log has them, its page does not."""


def is_telling(column: str) -> bool:
    """Say whether a column tells people anything."""
    return column not in _SILENT


def field_word(kind: str, column: str) -> str:
    """Return what a column of a kind of record (``assets.point``) is called; the column where nobody has said."""
    word = find_word(kind, column)
    return column if word is None else str(word)


def find_word(kind: str, column: str) -> Promise | None:
    """Return the word for a column, or None."""
    clearer = _CLEARER.get(f"{kind}.{column}") or _CLEARER.get(column)
    if clearer is not None:
        return clearer
    field = find_field(kind, column)
    if field is not None and isinstance(field.verbose_name, Promise):
        return field.verbose_name
    if column in _FIELDS:
        return _FIELDS[column]
    related = field.related_model if field is not None else None
    if isinstance(related, type) and isinstance(related._meta.verbose_name, Promise):
        return related._meta.verbose_name
    return None


@cache
def find_field(kind: str, column: str) -> Field[Any, Any] | None:
    """Return the field behind a column of a kind of record, or None."""
    model = find_model(kind)
    fields = model._meta.concrete_fields if model else ()
    return next((field for field in fields if field.attname == column), None)


@cache
def find_model(kind: str) -> type[Model] | None:
    """Return the model whose rows a kind of entry is about: of the audited table, else the one of that name."""
    table = read_tables().get(kind)
    if table is not None:
        return next((model for model in apps.get_models() if model._meta.db_table == table.name), None)
    label, _dot, name = kind.partition(".")
    try:
        return apps.get_model(label, name.replace("_", ""))
    except LookupError:
        return None
