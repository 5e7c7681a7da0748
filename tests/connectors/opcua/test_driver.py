"""The driver against a real server (asyncua) in another process: values, quality, bad nodes, outages, history."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.contract import ConnectorError
from forgeline.telemetry.sample import SampleFlag
from tests.connectors.opcua.conftest import PRESS, Basket, Plant, bind, make_driver, running, until

MakePlant = Callable[..., Plant]


def run(work: Callable[[], object]) -> None:
    asyncio.run(work())  # type: ignore[arg-type]


def test_values_arrive_with_their_own_time_and_status(make_plant: MakePlant, tmp_path: Path) -> None:
    plant, basket = make_plant(), Basket()

    async def work() -> None:
        async with running(
            make_driver(plant.endpoint, tmp_path), basket, bind("Speed", "Count", "Program", "Running")
        ):
            await until(lambda: len(basket.blocks) and basket.values("Speed"))
            source_us = time.time_ns() // 1000 - 3_000_000
            plant.tell(op="write", node="Speed", value=7.25, source_us=source_us)
            plant.tell(op="write", node="Count", value=9, status=0x40000000)
            plant.tell(op="write", node="Program", value="P200")
            plant.tell(op="write", node="Running", value=False, status=0x80000000)
            await until(
                lambda: basket.values("Program")[-1:] == ["P200"] and len(basket.values("Running")) == 2
            )
            assert basket.rows("Speed")[-1][:4] == (7.25, source_us, 0, 0)
            assert basket.rows("Count")[-1][2:4] == (1, 0x40000000)
            assert basket.rows("Running")[-1][2:4] == (2, 0x80000000)

    run(work)


def test_a_bad_node_is_set_aside_and_its_neighbours_live(make_plant: MakePlant, tmp_path: Path) -> None:
    plant, basket = make_plant("--limit", "2"), Basket()
    bindings = bind("Speed", "Nowhere", "Count", "nsu=urn:nobody;s=X", "rubbish=1", "Program", "Static")

    async def work() -> None:
        async with running(make_driver(plant.endpoint, tmp_path), basket, bindings):
            await until(lambda: all(basket.values(name) for name in ("Speed", "Count", "Program", "Static")))
            bad = {address: facts for facts in basket.facts("node_bad") for address in facts["addresses"]}
            assert set(bad) == {PRESS + "Nowhere", "nsu=urn:nobody;s=X", "rubbish=1"}
            assert bad[PRESS + "Nowhere"]["status"].startswith("BadNodeId")
            plant.tell(op="write", node="Static", value=43.0)
            await until(lambda: basket.values("Static")[-1] == 43.0)

    run(work)


def test_every_change_of_a_burst_arrives_in_order(make_plant: MakePlant, tmp_path: Path) -> None:
    plant, basket = make_plant(), Basket()

    async def work() -> None:
        driver = make_driver(plant.endpoint, tmp_path, queue_size=1000)
        async with running(driver, basket, bind("Count")):
            await until(lambda: basket.values("Count"))
            await asyncio.to_thread(plant.tell, op="count", **{"from": 1, "to": 400, "every_s": 0.001})
            await until(lambda: basket.values("Count")[-1] == 399)
            assert basket.values("Count") == list(range(400))
            stamps = [row[1] for row in basket.rows("Count")]
            assert stamps == sorted(stamps)
            assert not basket.facts("notification_lost")

    run(work)


def test_a_killed_server_ends_the_run_and_history_fills_the_gap(
    make_plant: MakePlant, tmp_path: Path
) -> None:
    plant, basket = make_plant("--history"), Basket()
    driver = make_driver(plant.endpoint, tmp_path, keep_alive_s=1, timeout_s=2)

    async def work() -> None:
        async with running(driver, basket, bind("Count", "Static")) as task:
            await until(lambda: basket.values("Count") and basket.values("Static"))
            plant.tell(op="count", **{"from": 1, "to": 5})
            await until(lambda: basket.values("Count")[-1:] == [4])
            plant.kill()
            with pytest.raises(ConnectorError) as lost:
                await task
            assert lost.value.key.startswith("opcua.")
        with pytest.raises(ConnectorError) as refused:
            await driver.run(basket, bind("Count", "Static"))
        assert refused.value.key == "opcua.refused"
        plant.start()
        plant.tell(op="count", **{"from": 5, "to": 1205, "every_s": 0})
        again = Basket()
        async with running(driver, again, bind("Count", "Static")):
            await until(lambda: again.facts("backfilled"))
            rows = again.rows("Count")
            replayed = [row[0] for row in rows if row[4] & SampleFlag.REPLAYED]
            assert replayed[-1200:] == list(range(5, 1205))
            assert all(row[4] & SampleFlag.REPLAYED for row in rows if row[0] < 1204)
            [told] = again.facts("backfilled")
            assert told["values"] == len(replayed)

    run(work)


def test_the_gap_begins_where_the_store_ends(make_plant: MakePlant, tmp_path: Path) -> None:
    plant, basket = make_plant("--history"), Basket()
    plant.tell(op="count", **{"from": 1, "to": 11})
    middle_us = time.time_ns() // 1000
    plant.tell(op="count", **{"from": 11, "to": 21})

    async def work() -> None:
        driver = make_driver(plant.endpoint, tmp_path)
        async with running(driver, basket, bind("Count", last_ts_us=middle_us)):
            await until(lambda: basket.facts("backfilled"))
            replayed = [row[0] for row in basket.rows("Count") if row[4] & SampleFlag.REPLAYED]
            assert replayed == list(range(11, 21))

    run(work)


def test_an_unchanged_value_is_confirmed_as_held(make_plant: MakePlant, tmp_path: Path) -> None:
    plant, basket = make_plant(), Basket()

    async def work() -> None:
        driver = make_driver(plant.endpoint, tmp_path)
        async with running(driver, basket, bind("Static", expected_interval_s=1.0)):
            await until(lambda: len([row for row in basket.rows("Static") if row[4] & SampleFlag.HELD]) >= 2)
            held = [row for row in basket.rows("Static") if row[4] & SampleFlag.HELD]
            assert {row[0] for row in held} == {42.0}
            stamps = [row[1] for row in basket.rows("Static")]
            assert stamps == sorted(set(stamps))
            plant.kill()
            silent = len(basket.rows("Static"))
            await asyncio.sleep(2.5)
            assert len(basket.rows("Static")) <= silent + 1  # a dead server vouches for nothing

    run(work)


def test_the_map_changes_while_running(make_plant: MakePlant, tmp_path: Path) -> None:
    plant, basket = make_plant(), Basket()

    async def work() -> None:
        driver = make_driver(plant.endpoint, tmp_path)
        async with running(driver, basket, []):
            await until(lambda: basket.facts("connected"))
            await asyncio.sleep(0.2)
            await driver.rebind(bind("Speed"))
            await until(lambda: basket.values("Speed"))
            await driver.rebind(bind("Count"))
            await until(lambda: basket.values("Count"))
            before = len(basket.values("Speed"))
            plant.tell(op="write", node="Speed", value=99.0)
            plant.tell(op="write", node="Count", value=99)
            await until(lambda: basket.values("Count")[-1] == 99)
            await asyncio.sleep(0.2)
            assert len(basket.values("Speed")) == before

    run(work)


def test_a_deleted_node_turns_bad_and_comes_back(make_plant: MakePlant, tmp_path: Path) -> None:
    plant, basket = make_plant("--without", "Speed"), Basket()

    async def work() -> None:
        async with running(make_driver(plant.endpoint, tmp_path), basket, bind("Speed", "Count")):
            await until(lambda: basket.values("Count") and basket.facts("node_bad"))
            assert basket.facts("node_bad")[0]["addresses"] == [PRESS + "Speed"]

    run(work)


def test_polling_reads_changes_only(make_plant: MakePlant, tmp_path: Path) -> None:
    plant, basket = make_plant(), Basket()

    async def work() -> None:
        driver = make_driver(plant.endpoint, tmp_path, mode="poll", poll_interval_s=0.05)
        async with running(driver, basket, bind("Speed", "Nowhere", "Static")):
            await until(lambda: basket.values("Speed") and basket.facts("node_bad"))
            plant.tell(op="write", node="Speed", value=3.5)
            await until(lambda: basket.values("Speed")[-1] == 3.5)
            await asyncio.sleep(0.3)
            assert basket.values("Speed") == [1.5, 3.5]
            assert basket.values("Static") == [42.0]

    run(work)


def test_a_deadband_the_node_cannot_have_is_left_out(make_plant: MakePlant, tmp_path: Path) -> None:
    plant, basket = make_plant(), Basket()

    async def work() -> None:
        driver = make_driver(plant.endpoint, tmp_path, deadband_type="absolute", deadband=1.0)
        async with running(driver, basket, bind("Speed", "Program")):
            await until(lambda: basket.values("Speed") and basket.values("Program"))
            plant.tell(op="write", node="Speed", value=1.9)
            plant.tell(op="write", node="Speed", value=5.0)
            await until(lambda: basket.values("Speed")[-1] == 5.0)
            assert 1.9 not in basket.values("Speed")

    run(work)


def test_a_write_reaches_the_node(make_plant: MakePlant, tmp_path: Path) -> None:
    plant, basket = make_plant(), Basket()

    async def work() -> None:
        driver = make_driver(plant.endpoint, tmp_path)
        async with running(driver, basket, bind("Speed")):
            await until(lambda: basket.values("Speed"))
            await driver.write(PRESS + "Speed", 12)
            await until(lambda: basket.values("Speed")[-1] == 12.0)
            with pytest.raises(ConnectorError) as refused:
                await driver.write(PRESS + "Speed", "fast")
            assert refused.value.key == "opcua.wrong_type"

    run(work)


def test_cancelling_at_any_moment_leaves_nothing_behind(make_plant: MakePlant, tmp_path: Path) -> None:
    plant = make_plant()

    async def work() -> None:
        for delay_s in (0, 0.005, 0.02, 0.05, 0.1, 0.2):
            driver = make_driver(plant.endpoint, tmp_path)
            task = asyncio.create_task(driver.run(Basket(), bind("Speed", "Count")))
            await asyncio.sleep(delay_s)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await asyncio.sleep(0.05)
            assert [each for each in asyncio.all_tasks() if each is not asyncio.current_task()] == []

    run(work)
