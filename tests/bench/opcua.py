"""OPC UA tags that change each second, subscribed by one connector process, and whether any change was lost."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from connectors.models import Binding, Connection
from connectors.services import create_connection
from forgeline.embedded.service import free_port
from forgeline.tenancy.scoping import tenant_scope
from tests.bench.plant import BenchPlant, make_plant
from tests.rig import ROOT, Rig, running_rig

TAGS = 31_500
"""A little more than is promised: a window of half a minute ends in the middle of a batch."""
SERVERS = 3
MACHINES = 30
MEASURED_S = 30


def main(target: str) -> None:
    with running_rig() as rig:
        plant = make_plant(machines=MACHINES, points=TAGS // MACHINES)
        servers = [_serve(rig, TAGS // SERVERS) for _ in range(SERVERS)]
        try:
            _connect(plant, [port for _process, port in servers])
            rig.start_connectors()
            rig.wait(lambda: rig.committed() > TAGS * 3, "every tag has told its first values", within_s=180)
            rig.wait(
                lambda: _rate(rig, 4.0) <= TAGS * 1.02,
                "what waited while it subscribed is stored",
                within_s=120,
            )
            rate, lost = _measure(rig)
        finally:
            for process, _port in servers:
                process.terminate()
    results = {
        # More than there are tags is the servers catching up with their own clock, not a faster connector.
        "opcua.tags_per_s": min(rate, float(TAGS)) if lost == 0 else 0.0,
        "opcua.lost": float(lost),
    }
    Path(target).write_text(json.dumps(results), encoding="utf-8")


def _serve(rig: Rig, tags: int) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.simulators.opcua_firehose", str(port), str(tags)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    return process, port


def _connect(plant: BenchPlant, ports: list[int]) -> None:
    """One connection a server; tag ``i`` of server ``s`` belongs to point ``s * tags + i``."""
    per_server = TAGS // SERVERS
    with tenant_scope(plant.company.tenant_id):
        for number, port in enumerate(ports):
            connection: Connection = create_connection(
                kind="opcua",
                name=f"Firehose {number}",
                options={"endpoint": f"opc.tcp://127.0.0.1:{port}/firehose", "publishing_interval_ms": 1000},
                enabled=True,
            )
            points = plant.point_ids[number * per_server : (number + 1) * per_server].tolist()
            Binding.objects.bulk_create(
                Binding(
                    connection=connection, address=f"ns=2;i={tag}", point_id=point, options={"queue_size": 10}
                )
                for tag, point in enumerate(points, 1)
            )


def _rate(rig: Rig, seconds: float) -> float:
    """Return the rows stored a second over a while."""
    before, started = rig.committed(), time.perf_counter()
    time.sleep(seconds)
    return (rig.committed() - before) / (time.perf_counter() - started)


def _measure(rig: Rig) -> tuple[float, int]:
    """Return the rows stored a second over the window, and how many ticks are missing between first and last.

    The value of a tag is the number of its tick, so that a point with ticks 7 to 40 must have 34 rows.
    """
    rate = _rate(rig, MEASURED_S)
    rig.kill("connectors")
    ticks = "SELECT point_id, max(value) - min(value) + 1 - count(DISTINCT value) AS missing FROM telemetry_sample"
    # The first value of a subscription is the tag's standing one; ticks count from 1.
    lost = rig.ask(f"SELECT coalesce(sum(missing), 0) FROM ({ticks} WHERE value > 0 GROUP BY point_id) t")[0][
        0
    ]
    return rate, int(lost)
