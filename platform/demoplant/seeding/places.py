"""Site, areas, lines, machines, devices and points: looks for each, creates what is not there.

Not here: credentials and connection (seeder), samples (history).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from demoplant.catalogue import SHIFTS, SITE, ZONE
from demoplant.model import MachineSpec, PointSpec, Title
from forgeline_client import AsyncClient

log = logging.getLogger("demoplant.seeding")

Row = dict[str, Any]
PointIds = dict[tuple[str, str], int]
"""(machine key, point key) → id."""


@dataclass(frozen=True, eq=False)
class Places:
    """What was found or made; ``made`` counts what was not there before."""

    site_id: int
    is_new_site: bool
    machine_ids: dict[str, int]
    device_ids: dict[str, int]
    point_ids: PointIds
    made: int


class PlaceSeeder:
    """Creates the tree from the top down. Names are looked for in both languages, so that one of them is enough."""

    def __init__(self, forgeline: AsyncClient, machines: tuple[MachineSpec, ...], language: str) -> None:
        self._forgeline = forgeline
        self._machines = machines
        self._language = language
        self._assets: list[Row] = []
        self._made = 0

    async def ensure(self) -> Places:
        """Return the plant as Forgeline has it, complete."""
        site_id = await self._ensure_site()
        is_new_site = self._made > 0
        await self._ensure_shifts(site_id)
        self._assets = await self._forgeline.list_all("/assets/", plant=site_id, page_size=1000)
        machine_ids = {}
        for machine in self._machines:
            area = await self._ensure_asset(site_id, None, "area", machine.area)
            line = await self._ensure_asset(site_id, area, "line", machine.line)
            machine_ids[machine.key] = await self._ensure_asset(
                site_id, line, "work_unit", machine.title, profile=machine.profile, with_points=True
            )
        device_ids = await self._ensure_devices(machine_ids)
        point_ids = await self._ensure_points(machine_ids, device_ids)
        return Places(site_id, is_new_site, machine_ids, device_ids, point_ids, self._made)

    async def _ensure_site(self) -> int:
        for row in await self._forgeline.list_all("/plants/"):
            if row["name"] in (SITE.en, SITE.zh):
                return int(row["id"])
        name = SITE.in_language(self._language)
        row = await self._forgeline.post(
            "/plants/", {"name": name, "names": SITE.by_language, "zone": ZONE, "country": "CN"}
        )
        log.info("plant %s made", name)
        self._made += 1
        return int(row["id"])

    async def _ensure_shifts(self, site_id: int) -> None:
        """Three shifts round the clock, and the public holidays; a plant that has shifts keeps its own."""
        if await self._forgeline.get(f"/plants/{site_id}/shifts/"):
            return
        await self._forgeline.patch(f"/plants/{site_id}/", {"day_starts_at": SHIFTS[0][1]})
        for title, starts_at, ends_at in SHIFTS:
            body = {
                "name": title.in_language(self._language),
                "names": title.by_language,
                "starts_at": starts_at,
                "ends_at": ends_at,
                "weekdays": [1, 2, 3, 4, 5, 6, 7],
            }
            await self._forgeline.post(f"/plants/{site_id}/shifts/", body)
            self._made += 1

    async def _ensure_asset(
        self, site_id: int, parent_id: int | None, level: str, title: Title, **facts: Any
    ) -> int:
        for row in self._assets:
            if row["level"] == level and row["parent"] == parent_id and row["name"] in (title.en, title.zh):
                return int(row["id"])
        body = {
            "plant": site_id,
            "parent": parent_id,
            "level": level,
            "name": title.in_language(self._language),
            "names": title.by_language,
        }
        row = await self._forgeline.post("/assets/", {**body, **facts})
        self._assets.append(row)
        self._made += 1
        return int(row["id"])

    async def _ensure_devices(self, machine_ids: dict[str, int]) -> dict[str, int]:
        ids: dict[str, int] = {}
        for machine in self._machines:
            for key in machine.via:
                rows = await self._forgeline.list_all("/devices/", key=key)
                if not rows:
                    body = {"key": key, "name": key, "asset": machine_ids[machine.key]}
                    rows = [await self._forgeline.post("/devices/", body)]
                    self._made += 1
                ids[key] = int(rows[0]["id"])
        return ids

    async def _ensure_points(self, machine_ids: dict[str, int], device_ids: dict[str, int]) -> PointIds:
        assets = ",".join(str(asset_id) for asset_id in machine_ids.values())
        rows = await self._forgeline.list_all("/points/", asset=assets, page_size=1000)
        known = {(int(row["asset"]), row["key"]): row for row in rows}
        ids: PointIds = {}
        for machine in self._machines:
            asset_id = machine_ids[machine.key]
            sender = {key: device_ids[device] for device, keys in machine.via.items() for key in keys}
            for position, point in enumerate(machine.points):
                wanted = {"is_simulated": point.is_simulated, "device": sender.get(point.key)}
                row = known.get((asset_id, point.key))
                if row is None:
                    body = {"asset": asset_id, "key": point.key, "position": position, **wanted}
                    row = await self._forgeline.post("/points/", self._body(point) | body)
                    self._made += 1
                elif any(row[name] != value for name, value in wanted.items()):
                    # The profile knows what such a machine says, not that this one is simulated or who sends it.
                    await self._forgeline.patch(f"/points/{row['id']}/", wanted)
                    self._made += 1
                ids[machine.key, point.key] = int(row["id"])
        return ids

    def _body(self, point: PointSpec) -> Row:
        valid = point.valid or (None, None)
        return {
            "name": point.title.in_language(self._language), "names": point.title.by_language,
            "unit": point.unit, "kind": point.kind,
            "role": point.role, "expected_interval_s": point.expected_s, "decimals": point.decimals,
            "valid_min": valid[0], "valid_max": valid[1], "is_simulated": point.is_simulated,
            "labels": {str(code): title.by_language for code, title in point.labels.items()},
        }  # fmt: skip
