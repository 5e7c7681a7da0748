"""The hub of a process: whoever was let in hears what is published from then on, and is told of what may be missing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from forgeline.embedded.service import free_port
from forgeline.embedded.valkey import ValkeyServer
from forgeline.realtime import hub as hubs
from forgeline.realtime.publish import publish_many


class _Ear:
    def __init__(self) -> None:
        self.heard: list[int] = []
        self.gaps = 0

    def take(self, topic: str, frame: bytes) -> None:
        self.heard.append(json.loads(frame)["n"])

    def told_of_gap(self) -> None:
        self.gaps += 1


def test_what_is_published_right_after_is_heard(django_db_setup: None) -> None:
    async def listen_and_tell(number: int) -> list[int]:
        ear, topic = _Ear(), f"test.{number}"
        await hubs.hub().listen(ear, {topic})
        publish_many([(topic, {"n": number})])
        for _ in range(200):
            if ear.heard:
                break
            await asyncio.sleep(0.01)
        hubs.hub().leave(ear, {topic})
        return ear.heard

    async def work() -> list[list[int]]:
        # The first opens the subscription, the others join while it stands, some of them at once.
        alone = [await listen_and_tell(number) for number in range(10)]
        return alone + await asyncio.gather(*(listen_and_tell(number) for number in range(10, 40)))

    assert asyncio.run(work()) == [[number] for number in range(40)]


def test_a_subscription_that_comes_late_is_a_gap_that_is_told(tmp_path: Path, settings: Any) -> None:
    port = free_port()
    settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"

    async def work() -> tuple[float, int]:
        loop, ear = asyncio.get_running_loop(), _Ear()
        began = loop.time()
        await hubs.hub().listen(ear, {"test.late"})
        waited_s = loop.time() - began
        with ValkeyServer(tmp_path / "valkey", port=port) as server:
            settings.REDIS_URL = server.url
            for _ in range(600):
                if ear.gaps:
                    break
                await asyncio.sleep(0.01)
            hubs.hub().leave(ear, {"test.late"})
            await asyncio.sleep(0.1)
        return waited_s, ear.gaps

    waited_s, gaps = asyncio.run(work())
    assert waited_s < hubs.CONFIRMED_WITHIN_S + 0.5, "nobody waits for a Redis that is away"
    assert gaps >= 1
