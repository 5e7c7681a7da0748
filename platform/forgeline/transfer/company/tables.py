"""Which tables hold a company's rows, from the catalogue and from the models: nobody keeps a list that could be short.

Not here: samples and roll-ups, which are no rows of a tenant but of its points (telemetry).
"""

from __future__ import annotations

import re
from typing import Any

from django.apps import apps
from django.db import connection, models
from django.utils.translation import get_language, gettext as _, pgettext

from forgeline.tenancy.models import Tenant

KEPT = ("audit_entry", "billing_invoice", "billing_invoiceline", "billing_payment", "transfer_erasure")
"""What outlives a company: the audit's tombstone, issued invoices with what was paid, the record of the erasure."""
STORE = ("telemetry_commit",)
"""Deleted with the samples, by the role that writes them."""
NOT_DOWNLOADED = frozenset({"jobs.job", "jobs.file", "identity.keptanswer", "transfer.erasure"})
"""Work of the service itself, answers kept for a day."""
_SECRET = re.compile(r"(_sealed|digest|password|password_hash|secret|token)$")
_SEALED = re.compile(r'\{"\$secret": "[^"]*"\}')


def list_tables() -> list[str]:
    """Return every table with a ``tenant_id``, by the database's own catalogue."""
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT c.relname FROM pg_class c
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            ORDER BY c.relname
        """)
        return [name for (name,) in cursor.fetchall()]


def list_models() -> list[type[models.Model]]:
    """Return the models whose rows a company downloads, by label."""
    found = [
        model
        for model in apps.get_models()
        if any(field.attname == "tenant_id" for field in model._meta.concrete_fields)
        and model._meta.label_lower not in NOT_DOWNLOADED
    ]
    return sorted(found, key=lambda model: model._meta.label_lower)


def file_of(model: type[models.Model]) -> str:
    """Return where the rows of a model stand in the archive."""
    return f"tables/{model._meta.app_label}/{model._meta.model_name}.json"


def columns_of(model: type[models.Model]) -> list[Any]:
    """Return the fields that are told: all but the company itself, and secrets."""
    hidden = models.BinaryField
    return [
        field for field in model._meta.concrete_fields
        if field.attname != "tenant_id" and not _SECRET.search(field.attname) and not isinstance(field, hidden)
    ]  # fmt: skip


def conceal(text: str) -> str:
    """Return JSON in which sealed options stand as an ellipsis."""
    return _SEALED.sub('"…"', text)


def describe(model: type[models.Model]) -> str:
    """Return the section of the README about a model in the language in force: its file, and each column with what it
    holds. What the model itself says of its rows is English.
    """
    doc = (model.__doc__ or "").strip().splitlines()
    has_doc = bool(doc) and not doc[0].startswith(model.__name__ + "(")
    about = doc[0] if has_doc and get_language() == "en" else str(model._meta.verbose_name)
    head = f"| {_('column')} | {pgettext('column', 'type')} | {_('meaning')} |"
    lines = [f"### {file_of(model)}", "", about, "", head, "|---|---|---|"]
    for field in columns_of(model):
        lines.append(f"| {field.attname} | {_kind_of(field)} | {_meaning_of(field)} |")
    return "\n".join(lines)


def _kind_of(field: Any) -> str:
    if isinstance(field, models.DateTimeField):
        kind = _("time, ISO 8601 in UTC")
    elif isinstance(field, models.DateField):
        kind = _("date")
    elif isinstance(field, models.BooleanField):
        kind = _("true or false")
    elif isinstance(field, models.FloatField):
        kind = pgettext("type", "number")
    elif isinstance(field, models.IntegerField | models.ForeignKey):
        kind = _("whole number")
    elif isinstance(field, models.JSONField):
        kind = "JSON"
    else:
        kind = _("list") if type(field).__name__ == "ArrayField" else pgettext("type", "text")
    return _("%(kind)s or null") % {"kind": kind} if field.null else kind


def _meaning_of(field: Any) -> str:
    if field.primary_key:
        return _("Number of the row.")
    if isinstance(field, models.ForeignKey):
        return _("Row of %(table)s.") % {"table": field.related_model._meta.label_lower}
    words = str(field.help_text or field.verbose_name)
    if field.choices:
        words += ": " + ", ".join(f"`{key}` {title}" for key, title in field.flatchoices)
    return words[:1].upper() + words[1:].replace("|", "\\|") + "."


def tenant_facts() -> dict[str, Any]:
    """Return the company's own row."""
    row = Tenant.objects.get()
    return {field.attname: field.value_from_object(row) for field in Tenant._meta.concrete_fields}
