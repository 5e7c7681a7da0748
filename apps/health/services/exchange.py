"""Plans, parts and work orders as CSV, out and in. A file with one fault changes nothing; every fault names its row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from apps.health.models import LabourEntry, MaintenancePlan, SparePart, WorkOrder
from apps.health.models.orders import OrderKind, OrderPriority, State
from apps.health.models.stock import MoveKind
from apps.health.queries.orders import list_orders
from apps.health.queries.register import find_terms, list_machines, list_reasons
from apps.health.queries.store import list_parts, list_plans
from apps.health.rules import MANAGE, PLAN, VIEW
from apps.health.services.booking import recount
from apps.health.services.orders import make_order, write_entry
from apps.health.services.plans import create_plan, update_plan
from apps.health.services.saving import by_of, company_language, invalid
from apps.health.services.stock import book_stock, create_part, update_part
from forgeline.assets.models import Asset
from forgeline.assets.queries import find_point_ids, list_sites
from forgeline.base import clock
from forgeline.base.errors import ForgelineError
from forgeline.base.spreadsheet import BOM, safe_cells
from forgeline.identity.policy import Actor, require_permission

MOST_ROWS = 5000
MOST_FAULTS = 20
PARTS = ("plant", "number", "name", "unit", "stock", "minimum", "unit_cost", "place", "supplier")
PLANS = (
    "machine",
    "name",
    "trigger",
    "every",
    "every_unit",
    "first_on",
    "point",
    "alarm_key",
    "above",
    "below",
    "lead_days",
    "priority",
    "text",
    "checklist",
)
ORDERS = (
    "machine", "title", "kind", "priority", "state", "created_at", "due_at", "done_at", "down_from", "down_to",
    "downtime_reason", "labour_minutes", "external_cost", "text", "remedy",
)  # fmt: skip
COLUMNS = {"parts": PARTS, "plans": PLANS, "work-orders": ORDERS}
Row = dict[str, str]


class _Fault(Exception):  # noqa: N818  # a row that cannot be read, told with the others
    """What is wrong with a row."""


def write_csv(what: str, *, actor: Actor) -> str:
    """Return all rows that the actor may see, as a file that a table program opens and `read_csv` takes back."""
    require_permission(actor, VIEW)
    rows = {"parts": _parts_out, "plans": _plans_out, "work-orders": _orders_out}[_known(what)]()
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS[what])
    writer.writerows(safe_cells(row) for row in rows)
    return BOM + out.getvalue()


def _parts_out() -> Iterable[list[object]]:
    for row in list_parts():
        yield [
            row.site.name,
            row.number,
            row.name,
            row.unit,
            f"{row.stock:f}",
            f"{row.minimum:f}",
            row.unit_cost,
            row.place,
            row.supplier,
        ]


def _plans_out() -> Iterable[list[object]]:
    for row in list_plans():
        yield [
            row.asset.name, row.name, row.trigger, row.every, row.every_unit, row.first_on, row.point and row.point.key,
            row.alarm_key, row.above, row.below, row.lead_days, row.priority, row.text,
            json.dumps(row.checklist, ensure_ascii=False) if row.checklist else "",
        ]  # fmt: skip


def _orders_out() -> Iterable[list[object]]:
    for row in list_orders()[:100_000]:
        times = [row.created_at, row.due_at, row.done_at, row.down_from, row.down_to]
        yield [
            row.asset.name,
            row.title,
            row.kind,
            row.priority,
            row.state,
            *("" if at is None else at.isoformat() for at in times),
            row.downtime_reason and row.downtime_reason.name,
            row.labour_minutes,
            row.external_cost,
            row.text,
            row.remedy,
        ]


def read_csv(what: str, text: str, *, actor: Actor) -> dict[str, int]:
    """Take a file in, whole or not at all; return how many rows were made, changed, left as they were.

    **Raises** InvalidInputError that names the faults of up to 20 rows by their number in the file.
    """
    take, permission = {
        "parts": (_take_part, PLAN), "plans": (_take_plan, PLAN), "work-orders": (_take_order, MANAGE),
    }[_known(what)]  # fmt: skip
    require_permission(actor, permission)
    counts = {"made": 0, "changed": 0, "unchanged": 0}
    faults: list[str] = []
    with transaction.atomic():
        names = _names()
        for number, row in enumerate(_rows(what, text), 2):
            try:
                with transaction.atomic():
                    counts[take(row, names, actor)] += 1
            except (_Fault, ForgelineError) as error:
                faults.append(_("Row %(number)d: %(fault)s") % {"number": number, "fault": str(error)})
                if len(faults) >= MOST_FAULTS:
                    break
        if faults:
            raise invalid(csv=_("Nothing was taken.") + " " + " ".join(faults))
    return counts


def _known(what: str) -> str:
    if what not in COLUMNS:
        raise invalid(what=_("There are these files: %(known)s.") % {"known": ", ".join(COLUMNS)})
    return what


def _rows(what: str, text: str) -> list[Row]:
    try:
        reader = csv.DictReader(io.StringIO(text.removeprefix(BOM)), strict=True)
        rows = list(reader)
    except csv.Error as error:
        raise invalid(csv=_("The file cannot be read as CSV: %(why)s.") % {"why": str(error)}) from error
    unknown = [name for name in reader.fieldnames or [] if name not in COLUMNS[what]]
    missing = [name for name in COLUMNS[what][:3] if name not in (reader.fieldnames or [])]
    if unknown or missing or any(None in row for row in rows):
        raise invalid(
            csv=_("The first line names the columns; there are: %(known)s.")
            % {"known": ", ".join(COLUMNS[what])}
        )
    if len(rows) > MOST_ROWS:
        raise invalid(csv=_("At most %(most)d rows at once.") % {"most": MOST_ROWS})
    # What was guarded from being a formula on the way out is itself again on the way in.
    return [{name: (cell or "").strip().removeprefix("'") for name, cell in row.items()} for row in rows]


def _names() -> dict[str, dict[str, Any]]:
    machines: dict[str, Any] = {}
    for asset in list_machines():
        for name in {asset.name, *asset.names.values()}:
            machines[name] = None if name in machines else asset
    return {
        "machines": machines,
        "plants": {name: site for site in list_sites() for name in (site.name, *site.names.values())},
        "reasons": {name: row for row in list_reasons() for name in (row.name, *row.names.values())},
    }


def _take_part(row: Row, names: dict[str, Any], actor: Actor) -> str:
    site = names["plants"].get(row["plant"])
    if site is None:
        raise _Fault(_("there is no plant %(name)s.") % {"name": row["plant"][:60]})
    facts: dict[str, Any] = {name: row[name] for name in ("name", "unit", "place", "supplier") if name in row}
    for name in ("minimum", "unit_cost"):
        if row.get(name):
            facts[name] = _decimal(row[name])
    wanted = _decimal(row["stock"]) if row.get("stock") else None
    part = SparePart.objects.filter(site=site, number=row["number"], retired_at=None).first()
    if part is None:
        create_part(
            site_id=site.pk,
            number=row["number"],
            stock=wanted or Decimal(0),
            actor=actor,
            **{"name": "", **facts},
        )
        return "made"
    changes = {name: value for name, value in facts.items() if getattr(part, name) != value}
    if changes:
        update_part(part.pk, actor=actor, **changes)
    if wanted is not None and wanted != part.stock:
        book_stock(part.pk, kind=MoveKind.COUNT, quantity=wanted, actor=actor, note="CSV")
        return "changed"
    return "changed" if changes else "unchanged"


def _take_plan(row: Row, names: dict[str, Any], actor: Actor) -> str:
    asset = _machine(row, names)
    facts: dict[str, Any] = {"text": row.get("text", ""), "every_unit": row.get("every_unit", "")}
    facts |= {name: row[name] for name in ("alarm_key", "priority") if row.get(name)}
    facts |= {name: _number(row[name]) for name in ("every", "above", "below") if row.get(name)}
    if row.get("lead_days"):
        facts["lead_days"] = _whole(row["lead_days"])
    if row.get("first_on"):
        facts["first_on"] = _day(row["first_on"])
    if row.get("checklist"):
        try:
            facts["checklist"] = json.loads(row["checklist"])
        except (ValueError, RecursionError):
            raise _Fault(_("its checklist is no JSON.")) from None
    if row.get("point"):
        facts["point_id"] = find_point_ids(asset_id=asset.pk, keys=[row["point"]]).get(row["point"])
        if facts["point_id"] is None:
            raise _Fault(_("the machine has no point %(key)s.") % {"key": row["point"][:60]})
    facts["trigger"] = row["trigger"]
    plan = MaintenancePlan.objects.filter(asset=asset, name=row["name"]).first()
    if plan is None:
        create_plan(asset_id=asset.pk, name=row["name"], actor=actor, **facts)
        return "made"
    changes = {name: value for name, value in facts.items() if getattr(plan, name) != value}
    if not changes:
        return "unchanged"
    update_plan(plan.pk, actor=actor, **changes)
    return "changed"


def _take_order(row: Row, names: dict[str, Any], actor: Actor) -> str:
    """A request, or one that was done long ago: what an older system knew comes in as it was."""
    asset = _machine(row, names)
    state = row.get("state") or State.REQUESTED
    if state not in (State.REQUESTED, State.DONE, State.VERIFIED):
        raise _Fault(_("its state is requested, done or verified."))
    kind, priority = row.get("kind") or OrderKind.CORRECTIVE, row.get("priority") or OrderPriority.MEDIUM
    if kind not in OrderKind.values or priority not in OrderPriority.values:
        raise _Fault(_("there is no such kind or priority."))
    times = {
        name: _instant(row[name])
        for name in ("created_at", "due_at", "done_at", "down_from", "down_to")
        if row.get(name)
    }
    now = clock.now()
    late = [name for name, at in times.items() if name != "due_at" and at > now]
    if late or (state != State.REQUESTED and "done_at" not in times):
        raise _Fault(_("what is done needs done_at, and nothing but due_at lies in the future."))
    if "down_to" in times and times["down_to"] < times.get("down_from", now):
        raise _Fault(_("The machine cannot run again before it stood still."))
    created = times.get("created_at", now)
    if WorkOrder.objects.filter(asset=asset, title=row["title"], created_at=created).exists():
        return "unchanged"
    reason = None
    if row.get("downtime_reason"):
        reason = names["reasons"].get(row["downtime_reason"])
        if reason is None:
            raise _Fault(_("there is no downtime reason %(name)s.") % {"name": row["downtime_reason"][:60]})
    order = make_order(
        asset_id=asset.pk, title=row["title"], text=row.get("text", ""), kind=kind, priority=priority, by=by_of(actor),
        requested_by=by_of(actor), due_at=times.get("due_at"), down_from=times.get("down_from"),
        down_to=times.get("down_to"),
    )  # fmt: skip
    order.state, order.created_at, order.downtime_reason = state, created, reason
    order.remedy, order.done_at = row.get("remedy", ""), times.get("done_at")
    order.external_cost = _decimal(row["external_cost"]) if row.get("external_cost") else Decimal(0)
    if order.external_cost < 0:
        raise _Fault(_("Costs are not negative."))
    if state != State.REQUESTED:
        order.started_at = times.get("down_from", created)
        order.verified_at = order.done_at if state == State.VERIFIED else None
        with company_language():
            note = _("Taken from a file")
        write_entry(order, State.REQUESTED, by_of(actor), note, now)
    order.save()
    minutes = _whole(row["labour_minutes"]) if row.get("labour_minutes") else 0
    if minutes:
        LabourEntry.objects.create(
            work_order=order, person=by_of(actor), minutes=minutes, rate=find_terms().labour_rate,
            at=order.done_at or created,
        )  # fmt: skip
        recount(order)
    return "made"


def _machine(row: Row, names: dict[str, Any]) -> Asset:
    asset = names["machines"].get(row["machine"])
    if asset is None:
        known = row["machine"] in names["machines"]
        said = _("several machines are called %(name)s.") if known else _("there is no machine %(name)s.")
        raise _Fault(said % {"name": row["machine"][:60]})
    return asset


def _read(parse: Callable[[str], Any], cell: str) -> Any:
    try:
        found = parse(cell)
    except (ValueError, InvalidOperation, OverflowError):
        found = None
    if found is None:
        raise _Fault(_("%(cell)s cannot be read.") % {"cell": cell[:40]})
    return found


def _decimal(cell: str) -> Decimal:
    found: Decimal = _read(Decimal, cell)
    if not found.is_finite() or abs(found) > Decimal("1e8"):
        raise _Fault(_("%(cell)s cannot be read.") % {"cell": cell[:40]})
    return found


def _number(cell: str) -> float:
    return float(_decimal(cell))


def _whole(cell: str) -> int:
    found: int = _read(int, cell)
    if not 0 <= found <= 1_000_000:
        raise _Fault(_("%(cell)s cannot be read.") % {"cell": cell[:40]})
    return found


def _day(cell: str) -> date:
    return _read(parse_date, cell)


def _instant(cell: str) -> datetime:
    found: datetime = _read(parse_datetime, cell)
    if found.tzinfo is None:
        raise _Fault(_("%(cell)s lacks its zone, such as Z or +08:00.") % {"cell": cell[:40]})
    return found.astimezone(UTC)
