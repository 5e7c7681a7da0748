"""The demo plant against a real Forgeline and broker: set-up over REST, history, stop, second start."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demoplant.backfill import day_before, history_of
from demoplant.catalogue import build_plant
from demoplant.signals import Play
from demoplant.state import load_state
from forgeline.embedded.service import free_port
from tests.demoplant.broker import MOSQUITTO, running_broker
from tests.demoplant.house import Api, DemoPlant, running_web, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not on this machine"),
]
MACHINES = build_plant()


@pytest.fixture
def plant(
    live_company: Any, child_environment: dict[str, str], tmp_path: Path
) -> Iterator[tuple[DemoPlant, Api, Path]]:
    (tmp_path / "broker").mkdir()
    with (
        running_broker(tmp_path / "broker") as broker,
        running_web(child_environment, tmp_path / "web.log") as address,
    ):
        environment = {
            "FORGELINE_URL": address,
            "FORGELINE_API_KEY": live_company.manager_key,
            "FORGELINE_MQTT": f"mqtt://127.0.0.1:{broker.port}",
            "FORGELINE_VAR": str(tmp_path / "demo"),
            "DEMO_OPCUA_PORT": str(free_port()),
            "DEMO_HISTORY_DAYS": "3",
        }
        api = Api(address, live_company.manager_key)
        demo = DemoPlant(environment, tmp_path / "demo.log")
        try:
            yield demo, api, tmp_path / "demo" / "demoplant" / "state.json"
        finally:
            demo.kill()
            api.close()


def test_a_first_start_sets_the_plant_up_and_a_second_changes_nothing(
    plant: tuple[DemoPlant, Api, Path],
) -> None:
    demo, api, state_path = plant
    demo.start()
    demo.says("history: day 1 of 3")

    site = api.list_all("/plants/")
    assert [(row["name"], row["zone"]) for row in site] == [("Demo works", "Asia/Shanghai")]
    assets = api.list_all("/assets/")
    levels = [row["level"] for row in assets]
    assert {level: levels.count(level) for level in set(levels)} == {"area": 4, "line": 4, "work_unit": 10}
    points = api.list_all("/points/")
    names = {row["id"]: row["name"] for row in assets}
    told = {(names[row["asset"]], row["key"]): row for row in points}
    assert len(told) == sum(len(machine.points) for machine in MACHINES)
    for machine in MACHINES:
        for point in machine.points:
            assert told[machine.title.en, point.key]["is_simulated"] == point.is_simulated
    devices = {row["id"]: row["key"] for row in api.list_all("/devices/")}
    assert set(devices.values()) == {key for machine in MACHINES for key in machine.via}
    assert devices[told["Compressor 2", "vibration"]["device"]] == "compressor-2-vibration"
    assert state_path.stat().st_mode & 0o077 == 0, "passwords are for the owner alone"

    [connection] = api.list_all("/connections/", kind="opcua")
    bindings = api.ask(f"/connections/{connection['id']}/bindings/")
    assert len(bindings) == sum(len(machine.points) for machine in MACHINES if machine.is_opcua)

    state = load_state(state_path)
    start, end = day_before(state.history.until_ms, 0)
    play = Play(state.replay_clock, state.history.until_ms)
    expected = {
        (stretch.machine.title.en, stretch.point.key): stretch
        for stretch in history_of(MACHINES, play, start, end)
    }
    for name in (("Furnace 1", "energy"), ("Press 3", "bearing_temperature"), ("Compressor 1", "power")):
        [series] = api.ask(
            "/samples/", point=told[name]["id"], resolution="raw", **{"from": start, "to": end}
        )["results"]
        assert json.dumps(expected[name].values.tolist()[-1]) in json.dumps(series)

    assert demo.stop() < 3.5
    before = demo.said
    demo.start()
    until(lambda: demo.said.count("plant set up") == 2, 60)
    demo.says("history: day 3 of 3")
    assert demo.stop() < 3.5
    assert "0 made or changed" in demo.said[len(before) :]
    for day in (1, 2, 3):
        assert demo.said.count(f"history: day {day} of 3") == 1, (
            "the second start goes on where the first stopped"
        )
    assert len(api.list_all("/points/")) == len(points)


def test_it_waits_for_forgeline_and_says_so_once(tmp_path: Path) -> None:
    environment = {
        "FORGELINE_URL": f"http://127.0.0.1:{free_port()}",
        "FORGELINE_API_KEY": "fl_nobody",
        "FORGELINE_VAR": str(tmp_path),
        "DEMO_OPCUA_PORT": str(free_port()),
    }
    demo = DemoPlant(environment, tmp_path / "demo.log")
    demo.start()
    try:
        demo.says("does not answer")
        time.sleep(3)
        assert demo.said.count("does not answer") == 1
        assert demo.stop() < 3.5
    finally:
        demo.kill()


def test_an_environment_that_cannot_be_used_is_told_in_one_sentence(tmp_path: Path) -> None:
    demo = DemoPlant({"FORGELINE_MQTT": "http://x", "DEMO_OPCUA_PORT": "zero"}, tmp_path / "demo.log")
    demo.start()
    demo.says("cannot start")
    for word in ("FORGELINE_API_KEY", "FORGELINE_MQTT", "DEMO_OPCUA_PORT"):
        assert word in demo.said
    assert "Traceback" not in demo.said
