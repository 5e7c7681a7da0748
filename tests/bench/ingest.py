"""MQTT QoS 1 → committed, with roll-ups kept up, live publishing on and latest values served; raw COPY beside it."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.bench.plant import BenchPlant, make_plant
from tests.bench.yardstick import copy_rows_per_s
from tests.rig import Rig, memory_mb, running_rig

MACHINES, POINTS = 50, 100
ROUNDS = 1500
"""Samples of each point: 7.5 million rows in all, long enough to see whether memory goes on growing."""
SINGLES = 150_000
STEP_MS = 1000


def main(target: str) -> None:
    results: dict[str, float] = {}
    with running_rig() as rig:
        plant = make_plant(machines=MACHINES, points=POINTS)
        start_us = (int(time.time()) - 2 * ROUNDS) * 1_000_000
        before = copy_rows_per_s(
            rig.owner_url, plant.point_ids, rounds=ROUNDS, start_us=start_us, step_us=STEP_MS * 1000
        )
        rig.start_credentials()
        connectors = rig.start_connectors()
        warm_up(rig, plant, back_s=3 * ROUNDS)
        rate, memory = _twenty_values(rig, plant, connectors.pid)
        results["ingest.mqtt20.points_per_s"] = rate
        results["ingest.memory_mb"] = max(memory)
        # The first half is filling buffers; what counts is whether it goes on growing afterwards.
        steady = memory[len(memory) // 2 :]
        results["ingest.memory_growth_mb_per_min"] = (steady[-1] - steady[0]) / (len(steady) * 0.5) * 60
        results["ingest.mqtt1.messages_per_s"] = _one_value(rig, plant)
        rig.kill("connectors")
        after = copy_rows_per_s(
            rig.owner_url, plant.point_ids, rounds=ROUNDS, start_us=start_us, step_us=STEP_MS * 1000
        )
        results["ingest.copy.rows_per_s"] = (before + after) / 2
        results["ingest.mqtt20.ratio_to_copy"] = rate / results["ingest.copy.rows_per_s"]
        print(
            f"  raw COPY before {before:,.0f}, after {after:,.0f} rows/s; broker: {rig.broker.capabilities.name}"
        )
    Path(target).write_text(json.dumps(results), encoding="utf-8")


def plan_of(plant: BenchPlant, *, values: int, messages: int, start_ms: int) -> dict[str, object]:
    return {
        "timeout_s": 240, "window": 200, "values": values, "messages": messages, "start_ms": start_ms,
        "step_ms": STEP_MS, "devices": plant.fleet_devices(),
    }  # fmt: skip


def warm_up(rig: Rig, plant: BenchPlant, *, back_s: int) -> None:
    """One sample of every point, so long ago: connections are made, maps read, chunks there."""
    start_ms = (int(time.time()) - back_s) * 1000
    rig.wait(lambda: _let_in(rig, plant), "the broker knows the devices", within_s=20)
    rig.wait_for_broker_connection()
    messages = POINTS // 20
    rig.fleet(plan_of(plant, values=20, messages=messages, start_ms=start_ms)).communicate()
    rig.wait(lambda: rig.committed() >= MACHINES * POINTS, "the first samples are stored", within_s=60)


def _let_in(rig: Rig, plant: BenchPlant) -> bool:
    folder = getattr(rig.broker, "credentials", None)
    if folder is None:
        return True
    path = folder / "passwords"
    return path.exists() and plant.credentials[-1][0] in path.read_text(encoding="utf-8")


def _twenty_values(rig: Rig, plant: BenchPlant, pid: int) -> tuple[float, list[float]]:
    """Return points/s from the first message to the last commit, and the process's memory every half second."""
    before = rig.committed()
    rows = ROUNDS * MACHINES * POINTS
    start_ms = (int(time.time()) - 2 * ROUNDS) * 1000
    started = time.perf_counter()
    fleet = rig.fleet(plan_of(plant, values=20, messages=ROUNDS * POINTS // 20, start_ms=start_ms))
    memory = []
    while rig.committed() - before < rows:
        memory.append(memory_mb(pid))
        if time.perf_counter() - started > 240:
            raise TimeoutError(f"{rig.committed() - before} of {rows} rows were stored in 240 s")
        time.sleep(0.5)
    # The last look was up to half a second late; the commit log knows when the last batch came.
    seconds = _seconds_of_commits(rig, started)
    fleet.communicate()
    return rows / seconds, memory


def _one_value(rig: Rig, plant: BenchPlant) -> float:
    before = rig.committed()
    messages = SINGLES // MACHINES
    start_ms = (int(time.time()) - 400) * 1000
    started = time.perf_counter()
    fleet = rig.fleet(plan_of(plant, values=1, messages=messages, start_ms=start_ms))
    rig.wait(lambda: rig.committed() - before >= messages * MACHINES, "every message is stored", within_s=240)
    seconds = _seconds_of_commits(rig, started)
    fleet.communicate()
    return messages * MACHINES / seconds


def _seconds_of_commits(rig: Rig, started: float) -> float:
    """Seconds from the start to the newest commit, by the database's clock, which is this machine's."""
    age = float(
        rig.ask("SELECT extract(epoch FROM clock_timestamp() - max(committed_at)) FROM telemetry_commit")[0][
            0
        ]
    )
    return time.perf_counter() - started - age
