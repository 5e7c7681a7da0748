"""Gaps that open while a connection runs: nodes that a changed map brings back, nodes that were bad, tight limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.opcua import driver as driving, items
from forgeline.telemetry.sample import SampleFlag
from tests.connectors.opcua.conftest import PRESS, Basket, Plant, bind, make_driver, running, until

MakePlant = Callable[..., Plant]


def replayed(basket: Basket, name: str) -> list[object]:
    return [row[0] for row in basket.rows(name) if row[4] & SampleFlag.REPLAYED]


def test_a_node_that_a_changed_map_brings_is_filled_from_where_the_store_ends(
    make_plant: MakePlant, tmp_path: Path
) -> None:
    plant, basket = make_plant("--history"), Basket()

    async def work() -> None:
        driver = make_driver(plant.endpoint, tmp_path)
        async with running(driver, basket, bind("Static")):
            await until(lambda: basket.values("Static"))
            stored_us = time.time_ns() // 1000
            await asyncio.to_thread(plant.tell, op="count", **{"from": 1, "to": 31})
            both = bind("Static", "Count")
            await driver.rebind([both[0], replace(both[1], last_ts_us=stored_us)])
            await until(lambda: len(replayed(basket, "Count")) == 30)
            assert replayed(basket, "Count") == list(range(1, 31))

    asyncio.run(work())


def test_a_node_that_was_taken_off_and_put_back_leaves_no_gap(make_plant: MakePlant, tmp_path: Path) -> None:
    plant, basket = make_plant("--history"), Basket()

    async def work() -> None:
        driver = make_driver(plant.endpoint, tmp_path)
        async with running(driver, basket, bind("Static", "Count")):
            await until(lambda: basket.values("Count"))
            await driver.rebind(bind("Static"))
            await asyncio.to_thread(plant.tell, op="count", **{"from": 1, "to": 11})
            await driver.rebind(bind("Static", "Count"))
            await until(lambda: len(replayed(basket, "Count")) == 10)

    asyncio.run(work())


def test_a_node_that_was_bad_at_first_is_filled_once_it_answers(
    make_plant: MakePlant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "RETRY_FIRST_S", 3.0)
    monkeypatch.setattr(driving, "_RETRY_EVERY_S", 0.2)
    plant, basket = make_plant("--history", "--without", "Count"), Basket()
    stored_us = time.time_ns() // 1000

    async def work() -> None:
        driver = make_driver(plant.endpoint, tmp_path)
        async with running(driver, basket, bind("Count", "Speed", last_ts_us=stored_us)):
            await until(lambda: basket.facts("node_bad") and basket.values("Speed"))
            plant.tell(op="add", node="Count")
            plant.tell(op="count", **{"from": 1, "to": 6})
            await until(lambda: basket.facts("node_good"))
            await until(lambda: set(range(1, 6)) <= set(replayed(basket, "Count")))
            assert basket.facts("node_good")[0]["addresses"] == [PRESS + "Count"]

    asyncio.run(work())


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
def test_a_server_that_takes_one_node_at_a_time_is_asked_so(
    make_plant: MakePlant, tmp_path: Path, mode: str
) -> None:
    plant, basket = make_plant("--history", "--limit", "1"), Basket()
    stored_us = time.time_ns() // 1000
    plant.tell(op="count", **{"from": 1, "to": 6})
    plant.tell(op="write", node="Speed", value=2.5, source_us=time.time_ns() // 1000)

    async def work() -> None:
        driver = make_driver(plant.endpoint, tmp_path, mode=mode, poll_interval_s=0.1)
        wanted = bind("Count", "Speed", "Static", "Running", last_ts_us=stored_us)
        async with running(driver, basket, wanted):
            await until(lambda: all(basket.values(name) for name in ("Count", "Speed", "Static", "Running")))
            await until(lambda: len(replayed(basket, "Count")) == 5 and replayed(basket, "Speed") == [2.5])
            await driver.rebind(wanted[:1])
            plant.tell(op="write", node="Count", value=99)
            await until(lambda: basket.values("Count")[-1] == 99)
            top = await driver.browse(None)
            [press] = [node for node in top if node.name == "Press"]
            names = {node.name for node in await driver.browse(press.address)}
            assert {"Count", "Speed", "Static"} <= names
            assert not basket.facts("disconnected")

    asyncio.run(work())
