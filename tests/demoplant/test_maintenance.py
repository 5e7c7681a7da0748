"""The demo plant's maintenance, seeded over REST into a running Forgeline: complete, and the same when repeated."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx

from demoplant.catalogue import build_plant
from demoplant.seeding.maintenance import MaintenanceSeeder
from demoplant.seeding.maintenance_story import PARTS, PAST, STOPS, TODAY
from demoplant.seeding.places import PlaceSeeder
from forgeline_client import AsyncClient
from tests.conftest import Company
from tests.demoplant.house import running_web


async def seed(url: str, key: str, language: str = "en") -> None:
    """Make the places and their maintenance."""
    machines = build_plant()
    async with AsyncClient(url, key, language=language) as forgeline:
        places = await PlaceSeeder(forgeline, machines, language).ensure()
        started_ms = int(time.time() * 1000)
        await MaintenanceSeeder(
            forgeline, machines, places.machine_ids, places.site_id, started_ms, language
        ).ensure()


def test_the_plant_has_maintenance_and_keeps_it(
    live_company: Company, child_environment: dict[str, str], tmp_path: Path
) -> None:
    with running_web(child_environment, tmp_path / "web.log") as url:

        def get(path: str) -> Any:
            headers = {"Authorization": f"Bearer {live_company.manager_key}"}
            answer = httpx.get(f"{url}/api/v1/{path}", headers=headers, trust_env=False, timeout=30)
            answer.raise_for_status()
            return answer.json()

        for _turn in range(2):
            asyncio.run(seed(url, live_company.manager_key, "zh-hans"))
        orders = get("work-orders/?page_size=1000")["results"]
        assert sum(row["state"] == "verified" for row in orders) == len(PAST)
        made_by_plans = [row for row in orders if row["plan"] is not None]
        failed = sum(stop.found == "not_ok" for stop in STOPS)
        assert len(orders) == len(PAST) + len(TODAY) + failed + len(made_by_plans)
        assert {row["state"] for row in orders} >= {"requested", "approved", "planned", "in_progress", "done"}
        assert len(get("spare-parts/")["results"]) == len(PARTS)
        plans = get("maintenance-plans/?page_size=1000")["results"]
        assert len(plans) == 4 * 4 + 3 * 3 + 2 + 2 * 3
        (walked,) = get("inspections/")["results"]
        assert (walked["state"], len(walked["results"])) == ("done", len(STOPS))
        found = get("maintenance-kpis/")
        assert found["total"]["failures"] == sum(
            each.kind == "corrective" and each.reason is not None for each in PAST
        )
        assert found["total"]["cost"] > 0
