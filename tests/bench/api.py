"""The API under programs: a list over 100,000 devices, a mix of calls on two web processes, who-may-what, metering.

Not here: reads of samples alone (read), the way of a sample to a page (live).
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from forgeline.assets.models import Device
from forgeline.billing import metering
from forgeline.entitlements.rights import rights_of
from forgeline.identity.policy import actor_scope, require_permission
from forgeline.identity.queries import find_actor_by_key
from forgeline.telemetry import ingest
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests.bench.plant import BenchPlant, make_plant
from tests.rig import Rig, running_rig

DEVICES = 100_000
WARM, CALLS = 10, 60
"""Requests of each kind of list; the worst kind counts."""
CALLERS, WARM_S, MEASURED_S = 8, 4, 20
MIX = ("latest", "latest", "devices", "points", "asset", "samples", "samples", "alarms", "post", "post")
"""What programs ask for: half of it values, a fifth of it writing."""
DECISIONS = 400
BATCHES, BATCH_ROWS = 60, 20_000
"""A minute of 20,000 points/s, which is metered once a minute."""


def main(target: str) -> None:
    results: dict[str, float] = {}
    with running_rig() as rig:
        plant = make_plant(machines=50, points=20)
        results["metering.ingest_cost_ratio"] = _metering(plant)
        _make_devices(rig, plant)
        results["api.permission_ms"] = _permission(plant)
        rig.start_web()
        results["api.list_100k.p95_ms"] = _lists(rig, plant)
        second = rig.start_web_again()
        results |= _mixed([rig.url, second], plant)
    Path(target).write_text(json.dumps(results), encoding="utf-8")


def _make_devices(rig: Rig, plant: BenchPlant) -> None:
    with tenant_scope(plant.company.tenant_id):
        present = Device.objects.count()
        Device.objects.bulk_create(
            [
                Device(
                    name=f"Meter {number:06d}",
                    key=f"meter-{number:06d}",
                    asset_id=plant.asset_ids[number % 50],
                )
                for number in range(DEVICES - present)
            ],
            batch_size=5_000,
        )
    # As autovacuum does within a minute; the application's role may not.
    rig.analyze()


def _lists(rig: Rig, plant: BenchPlant) -> float:
    """Return the p95 in ms of the worst of the ways in which a program goes through the devices."""
    asset = plant.asset_ids[7]
    client = _Client(rig.url, plant.company.viewer_key)
    middle = _follow(client, "/api/v1/devices/?page_size=1000", pages=30)
    questions = {
        "first page": "/api/v1/devices/",
        "by name": "/api/v1/devices/?ordering=name",
        "newest": "/api/v1/devices/?ordering=-created_at",
        "search": "/api/v1/devices/?search=Meter%20054321",
        "of a machine": f"/api/v1/devices/?asset={asset}",
        "by key": "/api/v1/devices/?key=meter-099000",
        "in the middle": middle.replace("page_size=1000", "page_size=100"),
    }
    worst = 0.0
    for name, question in questions.items():
        took = []
        for _ in range(WARM + CALLS):
            seconds, body = client.timed("GET", question)
            took.append(seconds * 1000)
        assert json.loads(body)["results"], f"{name}: nothing was found"
        p95 = float(np.percentile(took[WARM:], 95))
        print(f"  list {name:14} p50 {np.median(took[WARM:]):6.1f}  p95 {p95:6.1f} ms")
        worst = max(worst, p95)
    return worst


def _follow(client: _Client, question: str, *, pages: int) -> str:
    for _ in range(pages):
        parts = urlsplit(json.loads(client.timed("GET", question)[1])["next"])
        question = f"{parts.path}?{parts.query}"
    return question


def _permission(plant: BenchPlant) -> float:
    """Return the median in ms of finding out who a key is and whether it may, as the middleware does."""
    took = []
    for _ in range(DECISIONS):
        started = time.perf_counter()
        actor = find_actor_by_key(plant.company.manager_key)
        assert actor is not None
        rights_of(actor.tenant_id)
        with actor_scope(actor):
            require_permission(actor, "assets.edit")
            took.append((time.perf_counter() - started) * 1000)
    return float(np.median(took))


def _metering(plant: BenchPlant) -> float:
    """Return the time of counting a minute's samples over the time of storing them."""
    size = len(plant.point_ids)
    rounds = BATCH_ROWS // size
    start_us = (int(time.time()) - 7200) * 1_000_000
    tenant_id = plant.company.tenant_id
    stored, counted = [], []
    for minute in range(4):
        begun = time.perf_counter()
        for number in range(BATCHES):
            first = (minute * BATCHES + number) * rounds
            ts_us = start_us + (first + np.repeat(np.arange(rounds), size)) * 250_000
            value = np.random.default_rng(first).normal(50, 5, rounds * size)
            ingest.ingest_batch(SampleBatch.from_columns(np.tile(plant.point_ids, rounds), ts_us, value))
        stored.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        found = metering.meter(tenant_id)
        counted.append(time.perf_counter() - begun)
        assert found == BATCHES * rounds * size, f"{found} were counted of {BATCHES * rounds * size}"
    ingest.close()
    # The first minute opens connections and makes chunks.
    return float(np.median(counted[1:]) / np.median(stored[1:]))


def _mixed(urls: Sequence[str], plant: BenchPlant) -> dict[str, float]:
    """Return calls a second and their p95 while eight programs ask two web processes as fast as they are answered."""
    callers = [
        _Caller(urls[number % len(urls)], plant, number, time.monotonic() + WARM_S)
        for number in range(CALLERS)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    refused = {key: count for caller in callers for key, count in caller.refused.items()}
    assert not refused, f"{sum(refused.values())} calls were refused, as: {next(iter(refused))}"
    took = np.array([ms for caller in callers for ms in caller.took])
    return {
        "api.mixed.requests_per_s": len(took) / MEASURED_S,
        "api.mixed.p95_ms": float(np.percentile(took, 95)),
        "api.mixed.p50_ms": float(np.median(took)),
    }


@dataclass
class _Client:
    """One kept connection: http.client costs the caller a third of what httpx does."""

    url: str
    key: str
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)

    def timed(self, method: str, path: str, body: str | None = None) -> tuple[float, bytes]:
        """Return seconds and answer. **Raises** AssertionError for an answer that is none of 2xx."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        started = time.perf_counter()
        self.connection.request(method, path, body=body, headers=headers)
        answer = self.connection.getresponse()
        read = answer.read()
        seconds = time.perf_counter() - started
        if not 200 <= answer.status < 300:
            raise AssertionError(f"{method} {path} → {answer.status} {read[:200]!r}")
        return seconds, read


class _Caller(threading.Thread):
    """A program that goes through the mix, over and over, from its own place in it."""

    def __init__(self, url: str, plant: BenchPlant, number: int, measured_from: float) -> None:
        super().__init__(daemon=True)
        self.client = _Client(url, plant.company.manager_key)
        self.plant, self.number, self.measured_from = plant, number, measured_from
        self.took: list[float] = []
        self.refused: dict[str, int] = {}

    def run(self) -> None:
        turn = self.number
        until = self.measured_from + MEASURED_S
        while (now := time.monotonic()) < until:
            turn += 1
            kind = MIX[turn % len(MIX)]
            try:
                seconds, _answer = self.client.timed(*self._call(kind, turn))
            except AssertionError as error:
                self.refused[str(error)] = self.refused.get(str(error), 0) + 1
                continue
            if now >= self.measured_from:
                self.took.append(seconds * 1000)

    def _call(self, kind: str, turn: int) -> tuple[str, str, str | None]:
        machine = (turn * 7 + self.number) % len(self.plant.asset_ids)
        asset = self.plant.asset_ids[machine]
        point = int(self.plant.point_ids[machine * len(self.plant.keys)])
        now_ms = int(time.time() * 1000)
        if kind == "post":
            body = {"point": [point], "ts": [now_ms - self.number], "value": [turn % 100]}
            return "POST", "/api/v1/samples/", json.dumps(body)
        path = {
            "latest": f"/api/v1/latest/?asset={asset}",
            "devices": f"/api/v1/devices/?asset={asset}&page_size=50",
            "points": f"/api/v1/points/?asset={asset}",
            "asset": f"/api/v1/assets/{asset}/",
            "samples": f"/api/v1/samples/?point={point}&from={now_ms - 3_600_000}&to={now_ms}",
            "alarms": "/api/v1/alarms/?view=open",
        }[kind]
        return "GET", path, None
