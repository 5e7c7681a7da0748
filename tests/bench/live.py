"""Device → socket frame: 5,000 points/s by MQTT; one page's socket, then one that follows every point by the log.

The time in the payload is the device's.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import websockets
from django.test import Client

from tests.bench.plant import BenchPlant, make_plant
from tests.rig import Rig, running_rig
from tests.simulators.mqtt_fleet import Device

MACHINES, POINTS = 50, 100
WARM_S, MEASURED_S = 5, 20


def main(target: str) -> None:
    with running_rig() as rig:
        plant = make_plant(machines=MACHINES, points=POINTS)
        rig.start_credentials()
        rig.start_connectors()
        rig.wait_for_broker_connection()
        rig.start_web()
        cookie = sign_in(plant)
        lags, followed = asyncio.run(_run(rig, plant, cookie))
    results = {
        "live.p99_ms": float(np.percentile(lags, 99)),
        "live.p50_ms": float(np.percentile(lags, 50)),
        "follow.p99_ms": float(np.percentile(followed, 99)),
        "follow.p50_ms": float(np.percentile(followed, 50)),
    }
    Path(target).write_text(json.dumps(results), encoding="utf-8")


def sign_in(plant: BenchPlant) -> str:
    """Return the cookie of the plant's manager."""
    client = Client()
    client.force_login(plant.company.manager, backend="django.contrib.auth.backends.ModelBackend")
    return f"sessionid={client.cookies['sessionid'].value}"


async def _run(rig: Rig, plant: BenchPlant, cookie: str) -> tuple[list[float], list[float]]:
    """Publish every point once a second, spread over the second, and note the lag of each frame's newest sample: of
    a page, and of a program that follows.
    """
    devices = [
        Device(username=user, password=word, topic=f"t/{user}", payloads=_now(plant.keys), is_paced=True)
        for user, word in plant.credentials
    ]
    tasks = [asyncio.create_task(device.stay_connected("127.0.0.1", rig.broker.port)) for device in devices]
    await asyncio.sleep(2)
    pacing = asyncio.create_task(pace(devices, POINTS // 20))
    topics = [f"asset.{asset_id}" for asset_id in plant.asset_ids]
    lags = await _listen(rig, cookie, {"op": "subscribe", "topics": topics})
    followed = await _listen(rig, cookie, {"op": "subscribe", "topics": topics, "snapshot": True})
    for task in [pacing, *tasks]:
        task.cancel()
    await asyncio.gather(pacing, *tasks, return_exceptions=True)
    return lags, followed


async def _listen(rig: Rig, cookie: str, request: dict[str, Any]) -> list[float]:
    """Return the milliseconds from each frame's newest sample to its arrival."""
    lags: list[float] = []
    headers = {"Cookie": cookie, "Origin": rig.url}
    address = f"ws{rig.url[4:]}/ws/live/"
    async with websockets.connect(address, additional_headers=headers, max_size=2**24) as socket:
        await socket.send(json.dumps(request))
        started = time.monotonic()
        while (elapsed := time.monotonic() - started) < WARM_S + MEASURED_S:
            frame = json.loads(await asyncio.wait_for(socket.recv(), 20))
            if frame.get("t") == "samples" and elapsed > WARM_S:
                lags.append(time.time() * 1000 - max(row[1] for row in frame["p"]))
    return lags


def _now(keys: list[str]) -> Iterator[bytes]:
    """Yield messages of 20 values with the time of their making, without end."""
    number = 0
    groups = [keys[at : at + 20] for at in range(0, len(keys), 20)]
    while True:
        body = ",".join(f'"{key}":{number}.5' for key in groups[number % len(groups)])
        number += 1
        yield f'{{"ts":{time.time_ns() // 1_000_000},"values":{{{body}}}}}'.encode()


async def pace(devices: list[Device], messages: int) -> None:
    """So many messages a second from each device, spread over the second; until cancelled."""
    step = 1 / (len(devices) * messages)
    due = time.monotonic()
    while True:
        for device in devices:
            device.pump(1)
            due += step
            await asyncio.sleep(max(0.0, due - time.monotonic()))
