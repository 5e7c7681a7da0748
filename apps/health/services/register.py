"""Writes about machines' records, labels and files, reasons of downtime and the company's terms."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.health import storing
from apps.health.models import DowntimeReason, MachineRecord, StoredFile, Terms, WorkOrder
from apps.health.models.register import FileKind
from apps.health.queries.register import get_record
from apps.health.rules import MANAGE, PLAN, WORK
from apps.health.services.saving import by_of, invalid, machine, save
from forgeline.assets.services.saving import change, get, get_for_change
from forgeline.base import clock
from forgeline.base.errors import ConflictError
from forgeline.identity.policy import Actor, require_permission
from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.scoping import tenant_scope

MOST_FILES = 300
"""Of one machine; more would say that it is an archive."""
_RECORD = frozenset(
    {"manufacturer", "type_name", "serial_number", "built_in", "severity", "occurrence", "detection", "note"}
)
_TERMS = frozenset(
    {"labour_rate", "currency", "cost_acting", "cost_failure", "orders_by_rule", "horizon_days"}
)
_REASON = frozenset({"name", "names", "is_planned"})


def save_record(asset_id: int, *, actor: Actor, **changes: Any) -> MachineRecord:
    """Keep what is known of a machine: nameplate, criticality."""
    require_permission(actor, PLAN)
    machine(asset_id)
    row = get_record(asset_id)
    change(row, changes, _RECORD)
    return save(row)


def make_label(asset_id: int, *, actor: Actor, is_new: bool = False) -> MachineRecord:
    """Give a machine the token of its label; ``is_new`` makes those that hang already worthless."""
    require_permission(actor, PLAN)
    machine(asset_id)
    row = get_record(asset_id)
    if row.fault_token is None or is_new:
        row.fault_token = secrets.token_urlsafe(32)
        save(row)
    return row


def store_file(
    *, asset_id: int, name: str, content: bytes, actor: Actor, work_order_id: int | None = None
) -> StoredFile:
    """Keep a document or photo of a machine, or of an order on it. **Raises** InvalidInputError for other files."""
    require_permission(actor, WORK)
    asset = machine(asset_id)
    if work_order_id is not None and get(WorkOrder, work_order_id).asset_id != asset.pk:
        raise invalid(work_order=_("This work order is of another machine."))
    return put_file(
        asset_id=asset.pk, name=name, content=content, by=by_of(actor), work_order_id=work_order_id
    )


def put_file(
    *,
    asset_id: int,
    name: str,
    content: bytes,
    by: str,
    work_order_id: int | None = None,
    only_photos: bool = False,
) -> StoredFile:
    """Keep a file, whoever brings it. **Raises** InvalidInputError by field, ConflictError where there are too many."""
    if not content or len(content) > storing.MOST_BYTES:
        raise invalid(content=_("A file has at most %(most)d MB.") % {"most": storing.MOST_BYTES >> 20})
    kind = storing.sniff(content)
    if not kind or (only_photos and kind not in storing.PHOTOS):
        raise invalid(
            content=_("Only photos (JPEG, PNG, WebP) are taken here.") if only_photos else
            _("Only photos (JPEG, PNG, WebP), PDF, Word, Excel and plain text are taken.")
        )  # fmt: skip
    if StoredFile.objects.filter(asset_id=asset_id).count() >= MOST_FILES:
        raise ConflictError(
            _("This machine has %(most)d files; take some away.") % {"most": MOST_FILES}, key="health.too_many_files"
        )  # fmt: skip
    name = "".join(sign for sign in name.replace("\\", "/").rsplit("/", 1)[-1].strip() if sign.isprintable())
    row = StoredFile(
        asset_id=asset_id, work_order_id=work_order_id, name=name[:160] or _("Photo"), content_type=kind,
        kind=FileKind.PHOTO if kind in storing.PHOTOS else FileKind.DOCUMENT, size=len(content),
        sha256=storing.put(content), by=by,
    )  # fmt: skip
    return save(row)


def delete_file(file_id: int, *, actor: Actor) -> None:
    """Take a file away; its bytes go with the last that names them."""
    require_permission(actor, PLAN)
    row = get_for_change(StoredFile, file_id)
    digest, tenant_id = row.sha256, require_tenant_id()
    row.delete()
    with tenant_scope(tenant_id, branches=()):
        is_named = StoredFile.objects.filter(sha256=digest).exists()
    if not is_named:
        path = storing.path_of(digest)
        transaction.on_commit(lambda: path.unlink(missing_ok=True))


def create_reason(*, name: str, actor: Actor, **facts: Any) -> DowntimeReason:
    """Add a reason why a machine may stand."""
    require_permission(actor, MANAGE)
    row = DowntimeReason(name=name.strip())
    change(row, facts, _REASON)
    return _save_reason(row)


def update_reason(reason_id: int, *, actor: Actor, **changes: Any) -> DowntimeReason:
    """Change a reason; orders that name it follow."""
    require_permission(actor, MANAGE)
    row = get_for_change(DowntimeReason, reason_id)
    change(row, changes, _REASON)
    return _save_reason(row)


def retire_reason(reason_id: int, *, actor: Actor) -> None:
    """Offer a reason no more; orders that name it keep it."""
    require_permission(actor, MANAGE)
    row = get_for_change(DowntimeReason, reason_id)
    row.retired_at = clock.now()
    row.save(update_fields=["retired_at"])


def set_terms(*, actor: Actor, **changes: Any) -> Terms:
    """Say what an hour of work costs and in which money; entries of the past keep the rate they were booked at."""
    require_permission(actor, MANAGE)
    row = Terms.objects.select_for_update().first() or Terms()
    change(row, changes, _TERMS)
    if not 0 <= row.labour_rate <= Decimal(1_000_000):
        raise invalid(labour_rate=_("Costs are not negative."))
    for name in ("cost_acting", "cost_failure"):
        cost = getattr(row, name)
        if cost is not None and not 0 <= cost <= Decimal(99_999_999_999):
            raise invalid(**{name: _("Costs are not negative.")})
    if not 1 <= row.horizon_days <= 365:
        raise invalid(horizon_days=_("Give 1 to 365 days."))
    row.currency = row.currency.strip().upper()
    if len(row.currency) != 3 or not row.currency.isascii() or not row.currency.isalpha():
        raise invalid(currency=_("Give the three letters of the currency, such as CNY."))
    return save(row)


def _save_reason(row: DowntimeReason) -> DowntimeReason:
    if not row.name.strip():
        raise invalid(name=_("Give it a name of at most 120 characters."))
    return save(row, taken=_("There is a reason with this name."))
