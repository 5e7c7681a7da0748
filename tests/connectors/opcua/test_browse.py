"""Browsing: names, types, values, pages, and 100,000 nodes that freeze nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.contract import ConnectorError
from tests.connectors.opcua.conftest import PRESS, Plant, make_driver

MakePlant = Callable[..., Plant]


def test_a_level_shows_names_types_and_values(make_plant: MakePlant, tmp_path: Path) -> None:
    driver = make_driver(make_plant().endpoint, tmp_path)
    root = {node.name: node for node in asyncio.run(driver.browse(None))}
    assert {"Server", "Press"} <= set(root)
    assert root["Press"].has_children
    assert root["Press"].address == PRESS + "Press"
    press = {node.name: node for node in asyncio.run(driver.browse(root["Press"].address))}
    assert press["Speed"].data_type == "Double"
    assert press["Speed"].value == "1.5"
    assert press["Speed"].is_readable
    assert not press["Speed"].has_children
    assert press["Program"].data_type == "String"
    with pytest.raises(ConnectorError) as unknown:
        asyncio.run(driver.browse("nsu=urn:nobody;i=1"))
    assert unknown.value.key == "opcua.no_such_node"
    with pytest.raises(ConnectorError) as unknown:
        asyncio.run(driver.browse(PRESS + "Nothing"))
    assert unknown.value.key in ("opcua.no_such_node", "opcua.server_error")


# Its server answers with all nodes at once, which takes it 15 s a page.
@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_folder_of_100000_nodes_is_read_page_by_page(make_plant: MakePlant, tmp_path: Path) -> None:
    plant = make_plant("--many", "100000")
    driver = make_driver(plant.endpoint, tmp_path, timeout_s=120)

    async def work() -> None:
        longest_s = 0.0
        stop = asyncio.Event()

        async def watch_the_loop() -> None:
            nonlocal longest_s
            loop = asyncio.get_running_loop()
            while not stop.is_set():
                before = loop.time()
                await asyncio.sleep(0.01)
                longest_s = max(longest_s, loop.time() - before)

        watch = asyncio.create_task(watch_the_loop())
        first = await driver.browse(PRESS + "Many", limit=200)
        second = await driver.browse(PRESS + "Many", limit=200, after=first[-1].address)
        stop.set()
        await watch
        assert [node.name for node in first] == [f"Tag{number}" for number in range(200)]
        assert [node.name for node in second] == [f"Tag{number}" for number in range(200, 400)]
        assert first[7].value == "7.0"
        # Others share this loop: a frozen one would lose their keep-alives.
        print(f"the loop stood still for {longest_s:.3f} s at most")
        assert longest_s < 1.0

    asyncio.run(work())
