"""The OPC UA server, read by a real client: structure, values, changes, history."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from asyncua import Client, Node, ua

from demoplant.catalogue import build_plant
from demoplant.clock import ReplayClock
from demoplant.opcua.server import PlantServer
from demoplant.opcua.space import NAMESPACE, address_of
from demoplant.signals import Play
from forgeline.embedded.service import free_port

MACHINES = build_plant()
MACHINERY = "http://opcfoundation.org/UA/Machinery/"
START_MS = 1_780_000_000_000
logging.getLogger("asyncua").setLevel(logging.ERROR)


class Running:
    """The server in a loop of its own; its ticks go on from test to test."""

    def __init__(self) -> None:
        self.play = Play(ReplayClock(), START_MS)
        self.plant = PlantServer(MACHINES, self.play, host="127.0.0.1", port=free_port())
        self.tick_ms = START_MS - 1000
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._wait(self.plant.start())
        self._wait(self.plant.show(self.advance()))

    def stop(self) -> None:
        self._wait(self.plant.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def advance(self) -> int:
        self.tick_ms += 1000
        return self.tick_ms

    async def show_next(self) -> int:
        tick = self.advance()
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.plant.show(tick), self._loop))
        return tick

    def _wait(self, work: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    running = Running()
    running.start()
    yield running
    running.stop()


def with_client(
    test: Callable[[Running, Client], Coroutine[Any, Any, None]],
) -> Callable[[Running], None]:
    """Run an async test with a client of its own."""

    def run(running: Running) -> None:
        async def inside() -> None:
            async with Client(running.plant.endpoint) as client:
                await test(running, client)

        asyncio.run(inside())

    run.__name__ = test.__name__
    return run


def moment(wall_ms: int) -> datetime:
    return datetime.fromtimestamp(wall_ms / 1000, UTC)


def told(data: ua.DataValue) -> tuple[datetime | None, Any, int]:
    return data.SourceTimestamp, data.Value.Value, data.StatusCode.value


async def node_of(client: Client, machine_key: str, key: str) -> Node:
    machine = next(machine for machine in MACHINES if machine.key == machine_key)
    name = address_of(machine, machine.point(key)).partition(";s=")[2]
    return client.get_node(ua.NodeId(name, await client.get_namespace_index(NAMESPACE)))


@with_client
async def test_every_bound_address_reads_what_its_point_says(running: Running, client: Client) -> None:
    at = np.array([running.tick_ms], dtype=np.int64)
    seen = 0
    for machine in running.plant.machines:
        for point in machine.points:
            node = await node_of(client, machine.key, point.key)
            data = await node.read_data_value(raise_on_bad_status=False)
            expected = float(point.values(at, running.play)[0])
            if np.isnan(expected):
                assert data.StatusCode.value == ua.StatusCodes.UncertainLastUsableValue
                assert data.Value.Value is not None
            else:
                assert float(data.Value.Value) == expected
                assert data.SourceTimestamp <= moment(running.tick_ms)
            seen += 1
    assert seen == 80


@with_client
async def test_machines_are_found_where_the_machinery_specification_puts_them(
    running: Running, client: Client
) -> None:
    machinery = await client.get_namespace_index(MACHINERY)
    folder = client.get_node(ua.NodeId(1001, machinery))
    names = [(await node.read_browse_name()).Name for node in await folder.get_children()]
    assert names == ["Press 1", "Press 2", "Press 3", "Press 4", "CNC 1", "CNC 2", "CNC 3"]
    index = await client.get_namespace_index(NAMESPACE)
    plate = {
        (await node.read_browse_name()).Name: await node.read_value()
        for node in await client.get_node(ua.NodeId("Press1.Identification", index)).get_children()
    }
    assert plate["Manufacturer"].Text == "Demo Presses"
    assert plate["SerialNumber"] == "DP2500-001"
    assert plate["ProductInstanceUri"]


@with_client
async def test_a_state_machine_follows_its_number(running: Running, client: Client) -> None:
    index = await client.get_namespace_index(NAMESPACE)
    for machine in running.plant.machines:
        code = await (await node_of(client, machine.key, "state")).read_value()
        path = (
            f"{machine.key}.PackML.ExecuteState.CurrentState"
            if machine.profile == "press"
            else f"{machine.key}.MachineryBuildingBlocks.MachineryItemState.CurrentState"
        )
        text = await client.get_node(ua.NodeId(path, index)).read_value()
        assert text.Text == machine.point("state").labels[code].en


@with_client
async def test_units_and_ranges_are_told_as_properties(running: Running, client: Client) -> None:
    node = await node_of(client, "Press1", "power")
    properties = {(await each.read_browse_name()).Name: each for each in await node.get_properties()}
    unit = await properties["EngineeringUnits"].read_value()
    assert unit.UnitId == int.from_bytes(b"KWT", "big")
    span = await properties["EURange"].read_value()
    assert (span.Low, span.High) == (0.0, 120.0)


@with_client
async def test_a_subscriber_gets_each_change_once(running: Running, client: Client) -> None:
    got: list[tuple[datetime, float]] = []

    class Handler:
        def datachange_notification(self, node: Node, value: Any, data: Any) -> None:
            got.append((data.monitored_item.Value.SourceTimestamp, value))

    subscription = await client.create_subscription(20, Handler())
    node = await node_of(client, "Press1", "vibration")
    await subscription.subscribe_data_change(node, queuesize=100)
    first = running.tick_ms
    ticks = np.array([first] + [await running.show_next() for _ in range(20)], dtype=np.int64)
    point = running.plant.machines[0].point("vibration")
    values = point.values(ticks, running.play)
    changes = [(moment(int(ticks[k])), float(values[k])) for k in range(1, 21) if values[k] != values[k - 1]]
    assert len(changes) > 10
    deadline = time.monotonic() + 10
    while len(got) < len(changes) + 1 and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    assert got[1:] == changes, "each change once and in order, after the value that stood"


@with_client
async def test_the_past_reads_as_it_was_shown(running: Running, client: Client) -> None:
    node = await node_of(client, "CNC1", "spindle_speed")
    start = moment(running.tick_ms)
    shown = []
    for _ in range(200):
        tick = moment(await running.show_next())
        data = await node.read_data_value(raise_on_bad_status=False)
        if data.SourceTimestamp == tick:
            shown.append(data)
    assert len(shown) > 20
    end = start + timedelta(hours=1)
    past = await node.read_raw_history(start + timedelta(milliseconds=1), end)
    assert [told(each) for each in past] == [told(each) for each in shown]
    low, high = start + timedelta(seconds=50), start + timedelta(seconds=100)
    middle = await node.read_raw_history(low, high)
    assert [told(each) for each in middle] == [
        told(each) for each in shown if low <= each.SourceTimestamp <= high
    ]


@with_client
async def test_the_future_and_the_time_before_the_start_are_empty(running: Running, client: Client) -> None:
    node = await node_of(client, "Press1", "power")
    start, now = moment(START_MS), moment(running.tick_ms)
    assert await node.read_raw_history(start - timedelta(days=3), start - timedelta(seconds=1)) == []
    assert await node.read_raw_history(now + timedelta(seconds=1), now + timedelta(days=3)) == []


@with_client
async def test_a_gap_in_a_recording_is_the_last_usable_value(running: Running, client: Client) -> None:
    point = next(machine for machine in MACHINES if machine.key == "CNC1").point("spindle_speed")
    node = await node_of(client, "CNC1", "spindle_speed")
    before = None
    for _ in range(900):
        tick = np.array([await running.show_next()], dtype=np.int64)
        if np.isnan(point.values(tick, running.play)[0]) and before is not None:
            break
        if not np.isnan(point.values(tick, running.play)[0]):
            before = await node.read_value()
    data = await node.read_data_value(raise_on_bad_status=False)
    assert data.StatusCode.value == ua.StatusCodes.UncertainLastUsableValue
    assert data.Value.Value == before
