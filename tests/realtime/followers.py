"""Programs that follow, and the load that they follow. Not here: what is asked of them (test_following…)."""

from __future__ import annotations

import json
import random
import socket as sockets
import threading
import time
from typing import Any

from django.db import connections
from websockets.sync.client import ClientConnection

from forgeline.assets import services as assets
from forgeline.base import clock
from forgeline.telemetry import ingest
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.realtime.sockets import ask, hear

Sample = tuple[int, int]


def batch_of(point_ids: list[int], ts_ms: list[int], text: list[str] | None = None) -> SampleBatch:
    """One row each; a value tells its time, so that a mix-up would show."""
    values = [at % 100_000 if text is None else float("nan") for at in ts_ms]
    return SampleBatch.from_columns(point_ids, [at * 1000 for at in ts_ms], values, text=text)


def make_points(company: Company, asset_id: int, count: int, **facts: Any) -> list[int]:
    with tenant_scope(company.tenant_id):
        return [
            assets.create_point(asset_id=asset_id, key=f"p{n}{facts.get('kind', '')}", **facts).pk
            for n in range(count)
        ]


def key_of(company: Company) -> dict[str, str]:
    return {"X-API-Key": company.viewer_key}


def follow(connected: ClientConnection, *topics: str, **how: Any) -> list[dict[str, Any]]:
    """Subscribe, and return what came up to the first token."""
    ask(connected, op="subscribe", topics=list(topics), **(how or {"snapshot": True}))
    told = []
    while not told or "token" not in told[-1]:
        told.append(hear(connected))
        assert told[-1]["t"] not in {"error", "refused"}, told
    return told


def until_frame(connected: ClientConnection, word: str) -> dict[str, Any]:
    while True:
        frame = hear(connected)
        if frame["t"] == word:
            return frame


def cut(connected: ClientConnection) -> None:
    """Break the connection as a pulled plug does: no closing handshake, and what was on its way is lost."""
    connected.socket.shutdown(sockets.SHUT_RDWR)
    connected.close()


class Load:
    """Two writers that store batches, some late, some twice, and note what was stored."""

    def __init__(self, point_ids: list[int], seed: int) -> None:
        self.stored: set[Sample] = set()
        self._points = point_ids
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._begin_ms = clock.now_us() // 1000 - 3_600_000

    def _run(self) -> None:
        at = self._begin_ms + self._random.randrange(1000)
        last: SampleBatch | None = None
        while not self._stop.is_set():
            at += 137
            stamps = [at] * len(self._points)
            if self._random.random() < 0.2:
                stamps = [at - self._random.randrange(1, 1_800_000) for _ in self._points]
            batch = (
                last if last is not None and self._random.random() < 0.1 else batch_of(self._points, stamps)
            )
            ingest.ingest_batch(batch)
            last = batch
            self.stored |= set(zip(batch.point_id.tolist(), (batch.ts_us // 1000).tolist(), strict=True))
            time.sleep(0.004)
        connections.close_all()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def listen_for(connected: ClientConnection, seconds: float, heard: list[Sample]) -> str:
    """Hear for a while; return the last token."""
    token, end = "", time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            frame = json.loads(connected.recv(timeout=0.2))
        except TimeoutError:
            continue
        assert frame["t"] in {"samples", "token"}, frame
        for point_id, ts_ms, value, *_rest in frame.get("p", ()):
            assert value == ts_ms % 100_000
            heard.append((point_id, ts_ms))
        token = frame.get("token", token)
    return token
