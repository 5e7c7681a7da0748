"""Maintenance of the plant: plans, parts, an inspection route with a pass, work orders of the past and of today.

Made once, over REST, where Forgeline has the module: a plant with any work order keeps its own. Not here: the places.
"""

from __future__ import annotations

import csv
import io
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from demoplant.model import MachineSpec, Title
from demoplant.seeding.maintenance_story import PARTS, PAST, REASONS, RECORDS, STOPS, TODAY, Past
from forgeline_client import ApiError, AsyncClient

log = logging.getLogger("demoplant.seeding")

SOON = ("Press1", "Press3", "Compressor1")
"""Machines whose weekly plan falls due tomorrow: its order is there on the first day."""
ROUTE = Title("Morning walk", "早班点检")
COLUMNS = (
    "machine", "title", "kind", "priority", "state", "created_at", "due_at", "done_at", "down_from", "down_to",
    "downtime_reason", "labour_minutes", "external_cost", "remedy",
)  # fmt: skip


class MaintenanceSeeder:
    """Makes what a plant of some months would have."""

    def __init__(
        self, forgeline: AsyncClient, machines: tuple[MachineSpec, ...], machine_ids: dict[str, int], site_id: int,
        started_ms: int, language: str,
    ) -> None:  # fmt: skip
        self._forgeline = forgeline
        self._titles = {machine.key: machine.title for machine in machines}
        self._ids = machine_ids
        self._site_id = site_id
        self._started = datetime.fromtimestamp(started_ms / 1000, UTC).replace(
            minute=0, second=0, microsecond=0
        )
        self._language = language

    async def ensure(self) -> None:
        """Make everything where nothing is; a Forgeline without the module, or a key that may not, is left alone."""
        try:
            if (await self._forgeline.get("/work-orders/", page_size=1))["results"]:
                return
            await self._make()
        except ApiError as error:
            log.warning("maintenance is not set up: %s", error)

    async def _make(self) -> None:
        await self._forgeline.patch(
            "/maintenance-terms/",
            {"labour_rate": "85.00", "currency": "CNY", "cost_acting": "1500.00", "cost_failure": "28000.00"},
        )
        for reason, is_planned in REASONS:
            await self._forgeline.post(
                "/downtime-reasons/", {**self._named(reason), "is_planned": is_planned}
            )
        for part in PARTS:
            body = {**part.facts, "plant": self._site_id, "name": self._say(part.title)}
            await self._forgeline.post("/spare-parts/", body)
        for key, facts in RECORDS.items():
            await self._forgeline.patch(f"/machine-records/{self._ids[key]}/", facts)
            await self._forgeline.post(f"/machine-records/{self._ids[key]}/label/", {})
        # The past first: what is done stands in the list beneath what is to be done.
        await self._forgeline.post("/maintenance-csv/", {"what": "work-orders", "csv": self._past()})
        for key, asset_id in self._ids.items():
            plans = await self._forgeline.post("/maintenance-plans/adopt/", {"asset": asset_id})
            for plan in plans:
                if key in SOON and plan["every_unit"] == "week":
                    tomorrow = (self._started + timedelta(days=1)).date().isoformat()
                    await self._forgeline.patch(f"/maintenance-plans/{plan['id']}/", {"first_on": tomorrow})
        await self._make_today()
        await self._walk()
        log.info("maintenance set up: plans, parts, a route, work orders")

    def _past(self) -> str:
        out = io.StringIO()
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        for each in PAST:
            writer.writerow(self._row(each))
        return out.getvalue()

    def _row(self, each: Past) -> dict[str, Any]:
        begun = self._started - timedelta(days=each.days_ago)
        row = {
            "machine": self._say(self._titles[each.machine]), "title": self._say(each.title), "kind": each.kind,
            "priority": each.priority, "state": "verified", "created_at": begun.isoformat(),
            "done_at": (begun + timedelta(hours=each.hours)).isoformat(), "labour_minutes": each.minutes,
            "external_cost": each.external, "remedy": self._say(each.remedy),
        }  # fmt: skip
        if each.reason is not None:
            end = begun + timedelta(hours=each.hours)
            row |= {
                "down_from": begun.isoformat(), "down_to": end.isoformat(), "downtime_reason": self._say(each.reason)
            }  # fmt: skip
        return row

    async def _make_today(self) -> None:
        for each in TODAY:
            body = {
                "asset": self._ids[each.machine], "title": self._say(each.title), "titles": each.title.by_language,
                "text": self._say(each.text), "priority": each.priority, "kind": each.kind,
            }  # fmt: skip
            row = await self._forgeline.post("/work-orders/", body)
            address = f"/work-orders/{row['id']}/"
            if each.due_days is not None:
                due = self._started + timedelta(days=each.due_days)
                await self._forgeline.patch(address, {"due_at": due.isoformat()})
            for step in each.steps:
                await self._forgeline.post(f"{address}move/", {"to": step})
                if step == "in_progress":
                    await self._forgeline.post(f"{address}labour/", {"minutes": 40})

    async def _walk(self) -> None:
        items = [
            {"asset": self._ids[stop.machine], "text": self._say(stop.title), **stop.facts} for stop in STOPS
        ]
        route = await self._forgeline.post(
            "/inspection-routes/",
            {"plant": self._site_id, **self._named(ROUTE), "every_hours": 24, "items": items},
        )
        walked = await self._forgeline.post(f"/inspection-routes/{route['id']}/start/", {})
        for item, stop in zip(route["items"], STOPS, strict=True):
            answer = {"item": item["id"], "note": self._say(stop.note) if stop.note else ""}
            found = {"value": stop.found} if isinstance(stop.found, float) else {"result": stop.found}
            await self._forgeline.post(f"/inspections/{walked['id']}/answer/", {**answer, **found})
        await self._forgeline.post(f"/inspections/{walked['id']}/finish/", {})

    def _say(self, title: Title) -> str:
        return title.in_language(self._language)

    def _named(self, title: Title) -> dict[str, Any]:
        return {"name": self._say(title), "names": title.by_language}
