"""The steps of a work order, each once, each in its journal, told to others. Not here: which are legal (rules)."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.health.models import Advisory, WorkOrder
from apps.health.models.orders import State
from apps.health.rules import FINISHED, STEPS
from apps.health.services.orders import write_entry
from apps.health.services.plans import begin_turn
from apps.health.services.saving import by_of, invalid
from forgeline.assets.services.saving import get_for_change
from forgeline.base import clock
from forgeline.base.errors import ConflictError
from forgeline.identity.policy import Actor, require_permission
from forgeline.webhooks.outbox import News, announce


def move_order(work_order_id: int, to: str, *, actor: Actor, text: str = "") -> WorkOrder:
    """Take an order to another state, once: of two who close it at the same time the second is told so.

    **Raises** ConflictError for a step that is not legal from where it stands now, ForbiddenError.
    """
    with transaction.atomic():
        row = get_for_change(WorkOrder, work_order_id)
        if to not in State.values:
            raise invalid(to=_("There is no such state."))
        permission = STEPS[row.state].get(to)
        if permission is None:
            sentence = (
                _("Work order #%(number)s is %(state)s already.")
                if row.state == to
                else _(
                    "Work order #%(number)s is %(state)s; from there it cannot become %(to)s. Read it again."
                )
            )
            raise ConflictError(
                sentence % {"number": row.number, "state": State(row.state).label, "to": State(to).label},
                key="health.illegal_step",
                data={"state": row.state, "allowed": list(STEPS[row.state])},
            )
        require_permission(actor, permission)
        if to == State.DONE:
            _require_answers(row)
            _require_finding(row)
        _step(row, to, by=by_of(actor), text=text)
    return row


def cancel_quietly(row: WorkOrder, *, by: str, text: str) -> None:
    """Cancel a request whose cause has gone before anybody took it up; the row is locked by the caller."""
    if row.state == State.REQUESTED:
        _step(row, State.CANCELLED, by=by, text=text)


def _step(row: WorkOrder, to: str, *, by: str, text: str) -> None:
    now = clock.now()
    former, row.state = row.state, to
    if to == State.IN_PROGRESS and row.started_at is None:
        row.started_at = now
    row.done_at = now if to == State.DONE else row.done_at if to in FINISHED else None
    row.verified_at = now if to == State.VERIFIED else None
    if to == State.DONE and row.down_from is not None and row.down_to is None:
        row.down_to = now
    row.save()
    write_entry(row, former, by, text.strip()[:1000], now)
    if to in (State.DONE, State.REJECTED, State.CANCELLED):
        announce([News("health.work_order.closed", f"health.work_order:{row.pk}", _told(row, by), now)])
        begin_turn(row, now)


def _require_answers(row: WorkOrder) -> None:
    waiting = row.items.filter(result="").count()
    if waiting:
        raise ConflictError(
            _("Answer the checklist first: %(count)s lines are open.") % {"count": waiting},
            key="health.checklist_open",
            data={"open": waiting},
        )


def _require_finding(row: WorkOrder) -> None:
    """A model learns what it is worth from who looked, so that nobody leaves without a word."""
    waiting = Advisory.objects.filter(work_order=row, finding="").values_list("pk", flat=True).first()
    if waiting is not None:
        raise ConflictError(
            _("Say first what was found of the advisory: confirmed, a false alarm, or another cause."),
            key="health.finding_open",
            data={"advisory": waiting},
        )


def _told(row: WorkOrder, by: str) -> dict[str, Any]:
    return {
        "id": row.pk, "number": row.number, "title": row.title, "asset": row.asset_id, "kind": row.kind,
        "state": row.state, "priority": row.priority, "by": by,
        "cost": float(row.labour_cost + row.parts_cost + row.external_cost),
    }  # fmt: skip
