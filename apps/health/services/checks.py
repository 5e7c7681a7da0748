"""Answers to the lines of an order's checklist; a line that is not OK may open an order that follows, once."""

from __future__ import annotations

import math

from django.db import transaction
from django.utils.translation import gettext as _

from apps.health.models import CheckItem
from apps.health.models.orders import ItemKind, ItemResult, OrderKind, OrderPriority
from apps.health.rules import judge_value
from apps.health.services.orders import lock_for_work, make_order
from apps.health.services.saving import by_of, invalid
from forgeline.base import clock
from forgeline.base.errors import NotFoundError
from forgeline.identity.policy import Actor

MOST_BEYOND = 1000
"""How many times its limits a measured value may lie beyond them."""


def answer_line(
    work_order_id: int,
    *,
    item_id: int,
    actor: Actor,
    result: str = "",
    value: float | None = None,
    note: str = "",
) -> CheckItem:
    """Answer one line: ``result`` for a check, ``value`` for a measurement, which its limits judge."""
    with transaction.atomic():
        row = lock_for_work(work_order_id, actor)
        item = CheckItem.objects.select_for_update(of=("self",)).filter(pk=item_id, work_order=row).first()
        if item is None:
            raise NotFoundError(_("There is nothing here that you may see."), data={"id": item_id})
        item.result, item.value = read_answer(item.kind, item.low, item.high, result, value)
        item.note, item.by, item.at = note.strip()[:300], by_of(actor), clock.now()
        if item.result == ItemResult.NOT_OK and item.opens_follow_up and item.follow_up_id is None:
            item.follow_up = make_order(
                asset_id=row.asset_id, title=item.text[:160], text=tell(item.value, item.unit, item.note),
                kind=OrderKind.CONDITION, priority=OrderPriority.HIGH, requested_by=by_of(actor), by=by_of(actor),
                follows_id=row.pk,
            )  # fmt: skip
        item.save()
    return item


def read_answer(
    kind: str, low: float | None, high: float | None, result: str, value: float | None
) -> tuple[str, float | None]:
    """Return result and value of an answer. **Raises** InvalidInputError where the line asks for the other one."""
    if kind == ItemKind.VALUE:
        if value is None or not math.isfinite(value) or abs(value) > 1e15:
            raise invalid(value=_("Enter the measured value."))
        judged = judge_value(value, low, high)
        if judged == ItemResult.NOT_OK and _is_slip(value, low, high):
            raise invalid(
                value=_("%(value)g lies a thousand times beyond its limits; look at the point and the unit.")
                % {"value": value}
            )
        return judged, value
    if result not in (ItemResult.OK, ItemResult.NOT_OK):
        raise invalid(result=_("Say whether it is OK or not."))
    return result, None


def _is_slip(value: float, low: float | None, high: float | None) -> bool:
    """Say whether a value that its limits refuse lies so far off that a finger slipped: it would make an order."""
    limits = [limit for limit in (low, high) if limit is not None]
    size = max(1.0, *(abs(limit) for limit in limits))
    return min(abs(value - limit) for limit in limits) > MOST_BEYOND * size


def tell(value: float | None, unit: str, note: str) -> str:
    """Return what was found as a sentence for the order that follows."""
    said = "" if value is None else _("Measured: %(value)g %(unit)s") % {"value": value, "unit": unit}
    return "\n".join(part.strip() for part in (said, note) if part.strip())
