"""Ten minutes of ingest at full speed: does the connector process go on growing?"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np

from tests.bench.ingest import MACHINES, POINTS, ROUNDS, plan_of, warm_up
from tests.bench.plant import make_plant
from tests.rig import memory_mb, running_rig

MINUTES = 10
BLOCKS_AT_MOST = 60
"""Of ROUNDS samples a point each, one behind the other in their own time."""


def main(target: str) -> None:
    memory: list[tuple[float, float]] = []
    with running_rig() as rig:
        plant = make_plant(machines=MACHINES, points=POINTS)
        rig.start_credentials()
        connectors = rig.start_connectors()
        warm_up(rig, plant, back_s=(BLOCKS_AT_MOST + 1) * ROUNDS)
        start_s = int(time.time()) - BLOCKS_AT_MOST * ROUNDS
        before, began = rig.committed(), time.perf_counter()
        blocks = 0
        while time.perf_counter() - began < MINUTES * 60 and blocks < BLOCKS_AT_MOST:
            messages = ROUNDS * POINTS // 20
            plan = plan_of(plant, values=20, messages=messages, start_ms=(start_s + blocks * ROUNDS) * 1000)
            fleet = rig.fleet(plan)
            blocks += 1
            while rig.committed() - before < blocks * ROUNDS * MACHINES * POINTS:
                memory.append((time.perf_counter() - began, memory_mb(connectors.pid)))
                time.sleep(0.5)
            fleet.communicate()
    seconds, used = (np.array(column) for column in zip(*memory, strict=True))
    by_minute = [
        float(np.median(used[seconds // 60 == minute])) for minute in range(int(seconds[-1] // 60) + 1)
    ]
    print("  MB by minute: " + ", ".join(f"{each:.0f}" for each in by_minute))
    results = {
        "soak.memory_mb": float(used.max()),
        # The first two minutes fill buffers and caches.
        "soak.memory_growth_mb": by_minute[-1] - by_minute[2],
        "soak.points": float(blocks * ROUNDS * MACHINES * POINTS),
    }
    Path(target).write_text(json.dumps(results), encoding="utf-8")
