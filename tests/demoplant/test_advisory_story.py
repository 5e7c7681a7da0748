"""The demo plant's crew answers the advisory of the recorded failure: once, and not before somebody else has."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from apps.health.models import Advisory, Episode, WorkOrder
from apps.health.services.advisories import open_for_episode
from demoplant.seeding.advisory_story import FOUND_ON, NEXT_ON, AdvisoryStory
from forgeline.assets.models import Asset, Point
from forgeline.assets.services import create_asset, create_site
from forgeline.base import clock
from forgeline.tenancy.scoping import tenant_scope
from forgeline_client import AsyncClient
from tests.conftest import Company
from tests.demoplant.house import running_web


@pytest.fixture
def machines(live_company: Company) -> dict[str, Asset]:
    with tenant_scope(live_company.tenant_id):
        site = create_site(name="Works", zone="Asia/Shanghai")
        return {
            key: create_asset(site_id=site.pk, level="work_unit", name=key, profile=profile, with_points=True)
            for key, profile in ((FOUND_ON, "press"), (NEXT_ON, "compressor"))
        }


def _find(machine: Asset) -> Advisory:
    at = clock.now() - timedelta(hours=2)
    point = Point.objects.filter(asset=machine, key="vibration").get()
    told = {str(point.pk): {"score": 7.0, "value": 101.0, "at": at.isoformat()}}
    episode = Episode.objects.create(asset=machine, started_at=at, last_at=at, points=told)
    found = open_for_episode(machine, episode)
    assert found is not None
    return found


def test_the_failure_is_ordered_worked_on_and_found_to_be_right_once(
    live_company: Company, machines: dict[str, Asset], child_environment: dict[str, str], tmp_path: Path
) -> None:
    ids = {key: machine.pk for key, machine in machines.items()}

    async def answer() -> bool:
        async with AsyncClient(url, live_company.manager_key, language="zh-hans") as forgeline:
            return await AdvisoryStory(forgeline, ids, "zh-hans").go_on()

    with running_web(child_environment, tmp_path / "web.log") as url:
        assert not asyncio.run(answer()), "nothing is found yet"
        with tenant_scope(live_company.tenant_id):
            right, waits = _find(machines[FOUND_ON]), _find(machines[NEXT_ON])
        for _turn in range(2):
            assert asyncio.run(answer())
    with tenant_scope(live_company.tenant_id):
        for row in (right, waits):
            row.refresh_from_db()
        assert (right.finding, waits.finding) == ("confirmed", "")
        states = {order.pk: order.state for order in WorkOrder.objects.all()}
        assert states == {right.work_order_id: "verified", waits.work_order_id: "approved"}
        done = WorkOrder.objects.get(pk=right.work_order_id)
        assert "更换轴承" in done.remedy
        assert done.labour_minutes == 190
