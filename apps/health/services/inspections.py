"""Inspection routes and passes along them: one pass at a time, each stop saved by itself, one order a failed stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.health.models import Inspection, InspectionItem, InspectionResult, InspectionRoute
from apps.health.models.inspections import Pass
from apps.health.models.orders import ItemResult, OrderKind, OrderPriority, WorkOrder
from apps.health.rules import PLAN, WORK, read_lines
from apps.health.services.checks import read_answer, tell
from apps.health.services.orders import make_order
from apps.health.services.saving import by_of, invalid, machine, save
from apps.health.services.steps import cancel_quietly
from apps.health.wording import line_fault
from forgeline.assets.models import Site
from forgeline.assets.services.saving import change, get, get_for_change
from forgeline.base import clock
from forgeline.base.errors import ConflictError
from forgeline.identity.policy import Actor, require_permission

_FIELDS = frozenset({"name", "names", "every_hours"})


def create_route(
    *, site_id: int, name: str, items: Sequence[Mapping[str, Any]], actor: Actor, **facts: Any
) -> InspectionRoute:
    """Make a route of items ``{asset, text, kind, unit, low, high}`` over machines of one plant."""
    require_permission(actor, PLAN)
    get(Site, site_id)
    row = InspectionRoute(site_id=site_id, name=name.strip())
    change(row, facts, _FIELDS)
    with transaction.atomic():
        save(row, taken=_("There is a route with this name in this plant."))
        _put_items(row, items)
    return row


def update_route(
    route_id: int, *, actor: Actor, items: Sequence[Mapping[str, Any]] | None = None, **changes: Any
) -> InspectionRoute:
    """Change a route; given items take the place of those that there are, passes of the past keep theirs."""
    require_permission(actor, PLAN)
    with transaction.atomic():
        row = get_for_change(InspectionRoute, route_id)
        change(row, changes, _FIELDS)
        save(row, taken=_("There is a route with this name in this plant."))
        if items is not None:
            if row.inspections.filter(state=Pass.OPEN).exists():
                raise ConflictError(
                    _("Somebody walks this route now; change it when the pass is finished."),
                    key="health.pass_under_way",
                )
            row.items.filter(retired_at=None).update(retired_at=clock.now())
            _put_items(row, items)
    return row


def retire_route(route_id: int, *, actor: Actor) -> None:
    """Walk a route no more; what was found stays."""
    require_permission(actor, PLAN)
    row = get_for_change(InspectionRoute, route_id)
    row.retired_at = clock.now()
    row.save(update_fields=["retired_at"])


def start_pass(route_id: int, *, actor: Actor) -> Inspection:
    """Begin a pass. **Raises** ConflictError where somebody is under way on this route."""
    require_permission(actor, WORK)
    row = get(InspectionRoute, route_id)
    if row.retired_at is not None:
        raise invalid(route=_("This route is not walked any more."))
    try:
        with transaction.atomic():
            return Inspection.objects.create(route=row, by=by_of(actor), started_at=clock.now())
    except IntegrityError as error:
        other = Inspection.objects.filter(route=row, state=Pass.OPEN).first()
        raise ConflictError(
            _("%(who)s walks this route now; go on with that pass, or break it off.")
            % {"who": "?" if other is None else other.by},
            key="health.pass_under_way",
            data={} if other is None else {"inspection": other.pk},
        ) from error


def answer_stop(
    inspection_id: int,
    *,
    item_id: int,
    actor: Actor,
    result: str = "",
    value: float | None = None,
    note: str = "",
) -> InspectionResult:
    """Save what was found at one stop, again as often as wanted; a stop that is not OK has one order, never two.

    One that turns out to be OK takes its order back as long as nobody has taken it up.
    """
    require_permission(actor, WORK)
    with transaction.atomic():
        row = _lock_open(inspection_id)
        item = get(InspectionItem, item_id)
        if item.route_id != row.route_id or (
            item.retired_at is not None and item.retired_at < row.started_at
        ):
            raise invalid(item=_("This item is not on this route."))
        judged, value = read_answer(item.kind, item.low, item.high, result, value)
        found = (
            InspectionResult.objects.filter(inspection=row, item=item).select_related("work_order").first()
        )
        answer = found or InspectionResult(inspection=row, item=item)
        answer.result, answer.value, answer.note = judged, value, note.strip()[:300]
        answer.by, answer.at = by_of(actor), clock.now()
        if judged == ItemResult.NOT_OK and (
            answer.work_order is None or answer.work_order.state == "cancelled"
        ):
            machine(item.asset_id)
            answer.work_order = make_order(
                asset_id=item.asset_id, title=item.text[:160], text=tell(value, item.unit, note),
                kind=OrderKind.INSPECTION, priority=OrderPriority.HIGH, requested_by=by_of(actor), by=by_of(actor),
            )  # fmt: skip
        elif judged == ItemResult.OK and answer.work_order is not None:
            order = get_for_change(WorkOrder, answer.work_order.pk)
            cancel_quietly(order, by=by_of(actor), text=_("The inspection found it in order after all."))
        answer.save()
    return answer


def finish_pass(inspection_id: int, *, actor: Actor, is_broken_off: bool = False) -> Inspection:
    """End a pass: every stop answered, or broken off. **Raises** ConflictError that says how many are left."""
    require_permission(actor, WORK)
    with transaction.atomic():
        row = _lock_open(inspection_id)
        left = row.route.items.filter(retired_at=None).exclude(results__inspection=row).count()
        if left and not is_broken_off:
            raise ConflictError(
                _("%(count)s items are left; answer them, or break the pass off.") % {"count": left},
                key="health.pass_incomplete",
                data={"left": left},
            )
        row.state = Pass.BROKEN_OFF if left else Pass.DONE
        row.finished_at = clock.now()
        row.save(update_fields=["state", "finished_at"])
    return row


def _lock_open(inspection_id: int) -> Inspection:
    row = get_for_change(Inspection, inspection_id)
    if row.state != Pass.OPEN:
        raise ConflictError(_("This pass is over; begin a new one."), key="health.pass_over")
    return row


def _put_items(row: InspectionRoute, items: Sequence[Mapping[str, Any]]) -> None:
    lines, faults = read_lines(
        [{name: value for name, value in item.items() if name != "asset"} for item in items]
    )
    if faults:
        raise invalid(items=" ".join(line_fault(*fault) for fault in faults[:5]))
    if not lines:
        raise invalid(items=_("A route has at least one item."))
    for position, (item, line) in enumerate(zip(items, lines, strict=True)):
        asset = machine(item.get("asset") or 0)
        if asset.site_id != row.site_id:
            raise invalid(items=_("%(machine)s stands in another plant.") % {"machine": asset.title})
        InspectionItem.objects.create(
            route=row, asset=asset, position=position, text=line.text.strip(), kind=line.kind, unit=line.unit,
            low=line.low, high=line.high,
        )  # fmt: skip
