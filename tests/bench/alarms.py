"""The judge: what 10,000 rules over 100,000 points/s cost, and how soon a sample stands as an alarm on a page."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import numpy as np
import websockets

from forgeline.alarms.models import Judgement, Rule
from forgeline.base.clock import now_us
from forgeline.telemetry import ingest
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests.bench.live import pace, sign_in
from tests.bench.plant import BenchPlant, make_plant
from tests.rig import Rig, running_rig
from tests.simulators.mqtt_fleet import Device

MACHINES, POINTS = 100, 100
BATCH_ROWS, BATCHES_A_SECOND = 20_000, 5
"""Each batch has two samples of each point: 100,000 points/s, every one of them judged."""
WARM_S, MEASURED_S = 10, 30
LIMIT = 1000.0
DEVICES, VALUES = 50, 100
"""Of the second part: 5,000 points/s by MQTT, a rule on the first value of each device."""
TURNS_EVERY = 3
"""Seconds; how often a device goes over its limit or comes back."""


def main(target: str) -> None:
    results: dict[str, float] = {}
    with running_rig() as rig:
        plant = make_plant(machines=MACHINES, points=POINTS, name="judged")
        _make_rules(plant, plant.keys)
        results |= _core_share(rig, plant)
        rig.kill("alarms")
    with running_rig() as rig:
        plant = make_plant(machines=DEVICES, points=VALUES)
        _make_rules(plant, plant.keys[:1])
        rig.start_credentials()
        rig.start_connectors()
        rig.wait_for_broker_connection()
        rig.start_web()
        _start_judge(rig)
        shown, framed = _lags(rig, asyncio.run(_latency(rig, plant, sign_in(plant))))
        results["alarms.sample_to_page.p99_ms"] = float(np.percentile(shown, 99))
        results["alarms.sample_to_page.p50_ms"] = float(np.percentile(shown, 50))
        results["alarms.sample_to_frame.p99_ms"] = float(np.percentile(framed, 99))
    Path(target).write_text(json.dumps(results), encoding="utf-8")


def _make_rules(plant: BenchPlant, keys: list[str]) -> None:
    with tenant_scope(plant.company.tenant_id):
        Rule.objects.bulk_create(
            Rule(
                asset_id=asset_id, key=f"high_{key}",
                definition={
                    "name": {"en": f"{key} high"},
                    "condition": {"kind": "limit", "point": key, "level": "H", "limit": LIMIT, "deadband": 1},
                },
            )
            for asset_id in plant.asset_ids
            for key in keys
        )  # fmt: skip
        Judgement.objects.get_or_create()


def _start_judge(rig: Rig) -> int:
    process = rig.start("alarms", "manage.py", "run_alarms")
    leased = "SELECT 1 FROM alarms_judgement WHERE owner <> ''"
    rig.wait(lambda: bool(rig.ask(leased)), "the judge has begun", within_s=60)
    return process.pid


# --- what it costs ------------------------------------------------------------------------------------------------


def _core_share(rig: Rig, plant: BenchPlant) -> dict[str, float]:
    """Feed 100,000 points/s through the write door and look at the judge's time on the processor."""
    judge = _start_judge(rig)
    rng = np.random.default_rng(5)
    begun, fed, turn = time.monotonic(), 0, 0
    marks: list[tuple[float, float, float]] = []
    while (elapsed := time.monotonic() - begun) < WARM_S + MEASURED_S:
        if not marks and elapsed >= WARM_S:
            marks.append((time.monotonic(), _cpu_s(judge), _database_cpu_s(rig)))
            fed = 0
        _feed(plant, rng)
        fed += BATCH_ROWS
        turn += 1
        # What a slow batch was late is made up by those after it.
        time.sleep(max(0.0, begun + turn / BATCHES_A_SECOND - time.monotonic()))
    marks.append((time.monotonic(), _cpu_s(judge), _database_cpu_s(rig)))
    (started, cpu, database), (ended, cpu_after, database_after) = marks
    behind = "SELECT count(*) FROM alarms_journalentry"
    print(
        f"  {fed / (ended - started):,.0f} points/s were stored; {rig.ask(behind)[0][0]} transitions journalled"
    )
    return {
        "alarms.core_share": (cpu_after - cpu) / (ended - started),
        "alarms.database_core_share": (database_after - database) / (ended - started),
        "alarms.judged_points_per_s": fed / (ended - started),
    }


def _feed(plant: BenchPlant, rng: np.random.Generator) -> None:
    at = now_us()
    points = np.repeat(plant.point_ids, 2)
    ts = np.tile(np.array([at - 100_000, at]), len(plant.point_ids))
    # About one alarm a second comes or goes.
    value = np.where(rng.random(len(points)) < 1e-5, LIMIT + 50, 20.0)
    ingest.ingest_batch(SampleBatch.from_columns(points, ts, value))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _database_cpu_s(rig: Rig) -> float:
    """Time of the server's processes that work for the judge: this process writes as another role."""
    mine = "SELECT pid FROM pg_stat_activity WHERE usename = 'forgeline_app' AND query LIKE '%%alarms%%'"
    return sum(_cpu_s(pid) for (pid,) in rig.ask(mine))


# --- how long it takes --------------------------------------------------------------------------------------------


async def _latency(rig: Rig, plant: BenchPlant, cookie: str) -> list[tuple[float, float, list[int]]]:
    """Return (when a frame came, when the list was there that it asks for, the alarms that it names)."""
    devices = [
        Device(
            username=user, password=word, topic=f"t/{user}", payloads=_turning(plant.keys, number), is_paced=True
        )
        for number, (user, word) in enumerate(plant.credentials)
    ]  # fmt: skip
    tasks = [asyncio.create_task(device.stay_connected("127.0.0.1", rig.broker.port)) for device in devices]
    await asyncio.sleep(2)
    tasks.append(asyncio.create_task(pace(devices, VALUES // 20)))
    seen: list[tuple[float, float, list[int]]] = []
    headers = {"Cookie": cookie, "Origin": rig.url}
    address = f"ws{rig.url[4:]}/ws/live/"
    async with (
        websockets.connect(address, additional_headers=headers) as socket,
        httpx.AsyncClient(base_url=rig.url, headers=headers) as page,
    ):
        topic = f"alarms.{plant.company.tenant_id}"
        await socket.send(json.dumps({"op": "subscribe", "topics": [topic]}))
        frames: asyncio.Queue[tuple[float, list[int]]] = asyncio.Queue()
        tasks.append(asyncio.create_task(_listen(socket, frames)))
        started = time.monotonic()
        while time.monotonic() - started < WARM_S + MEASURED_S:
            # As a page does: what comes while it reads is read next time, all at once.
            waiting = [await asyncio.wait_for(frames.get(), 30)]
            while not frames.empty():
                waiting.append(frames.get_nowait())
            answer = await page.get("/api/v1/alarms/?view=all&page_size=200")
            answer.raise_for_status()
            if time.monotonic() - started > WARM_S:
                seen += [(framed, time.time(), ids) for framed, ids in waiting]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return seen


async def _listen(
    socket: websockets.ClientConnection, frames: asyncio.Queue[tuple[float, list[int]]]
) -> None:
    async for text in socket:
        frame = json.loads(text)
        if frame.get("t") == "alarms":
            frames.put_nowait((time.time(), frame["ids"]))


def _lags(rig: Rig, seen: list[tuple[float, float, list[int]]]) -> tuple[list[float], list[float]]:
    """Return the milliseconds from a sample's own time until its alarm stood in the list, and until the frame came."""
    happened: dict[int, list[float]] = {}
    rows = rig.ask(
        "SELECT alarm_id, extract(epoch FROM happened_at)::float8 FROM alarms_journalentry ORDER BY 2"
    )
    for alarm_id, at in rows:
        happened.setdefault(alarm_id, []).append(at)
    shown, framed = [], []
    for frame_at, shown_at, ids in seen:
        for alarm_id in ids:
            at = max(at for at in happened[alarm_id] if at <= frame_at)
            framed.append((frame_at - at) * 1000)
            shown.append((shown_at - at) * 1000)
    return shown, framed


def _turning(keys: list[str], device: int) -> Iterator[bytes]:
    """Yield messages of 20 values without end; the first value turns over its limit and back every few seconds."""
    groups = [keys[at : at + 20] for at in range(0, len(keys), 20)]
    for number in count():
        second, group = divmod(number, len(groups))
        value = LIMIT * 2 if (second + device) // TURNS_EVERY % 2 else 1.5
        body = ",".join(f'"{key}":{value}' for key in groups[group])
        yield f'{{"ts":{time.time_ns() // 1_000_000},"values":{{{body}}}}}'.encode()
