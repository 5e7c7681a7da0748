"""The running plant: ticks once a second, shows what changed by OPC UA, lets the devices publish, stops in time.

Not here: setting up Forgeline (seeding), what is said (catalogue, signals).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from demoplant.catalogue import build_plant
from demoplant.devices import MqttDevice
from demoplant.opcua.server import PlantServer
from demoplant.seeding.seeder import Seeder
from demoplant.settings import Settings
from demoplant.signals import Play
from demoplant.state import State
from forgeline_client import ApiError, AsyncClient, Patience

TICK_MS = 1000
CATCH_UP_TICKS = 60
"""After a pause (a suspended laptop) the devices send at most so many ticks late; what is older was never measured."""
AGAIN_AFTER_S = 60.0

log = logging.getLogger("demoplant")


def wall_ms() -> int:
    """Return the wall clock in milliseconds since the Unix epoch, UTC."""
    return time.time_ns() // 1_000_000


class Plant:
    """Everything that runs in this process."""

    def __init__(self, settings: Settings, state: State, *, now_ms: Callable[[], int] = wall_ms) -> None:
        self._now_ms = now_ms
        now = now_ms()
        clock = state.replay_clock.continued(now, settings.speed)
        state.clock = clock.dump()
        state.save()
        self.state = state
        self.machines = build_plant()
        self.play = Play(clock, started_ms=now // TICK_MS * TICK_MS)
        self.server = PlantServer(
            self.machines, self.play, host=settings.opcua_host, port=settings.opcua_port
        )
        self.devices = {
            key: MqttDevice(key, machine, self.play, settings)
            for machine in self.machines
            for key in machine.via
        }
        self._settings = settings

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set. **Raises** OSError where the OPC UA port is taken."""
        await self.server.start()
        log.info("OPC UA server at %s, %d machines", self.server.endpoint, len(self.server.machines))
        stopping: asyncio.Task[object] = asyncio.create_task(stop.wait())
        working: list[asyncio.Task[object]] = [
            asyncio.create_task(self._tick()), asyncio.create_task(self._set_up())
        ]  # fmt: skip
        try:
            done, _pending = await asyncio.wait([*working, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # neither ends by itself: a fault ends the plant, and is told
        finally:
            await self._stop([*working, stopping])

    async def _stop(self, tasks: list[asyncio.Task[object]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        closing = [asyncio.to_thread(device.close) for device in self.devices.values()]
        await asyncio.gather(*closing, self.server.stop())
        log.info("stopped")

    async def _tick(self) -> None:
        last = self.play.started_ms - TICK_MS
        while True:
            now = self._now_ms()
            tick = now // TICK_MS * TICK_MS
            if tick > last:
                await self.server.show(tick)
                for late in range(max(last, tick - CATCH_UP_TICKS * TICK_MS) + TICK_MS, tick + 1, TICK_MS):
                    for device in self.devices.values():
                        device.publish(late)
            # A clock that was set back must not repeat what was said; one second more and it goes on.
            last = tick
            await asyncio.sleep((TICK_MS - self._now_ms() % TICK_MS) / 1000)

    async def _go_on(self, seeder: Seeder) -> None:
        tasks = [
            asyncio.create_task(part) for part in (seeder.answer_advisories(), seeder.renew_refused(self.devices))
        ]  # fmt: skip
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _set_up(self) -> None:
        settings = self._settings
        told = ""
        # The machines run whether Forgeline is there or not: it is waited for as long as it takes.
        async with AsyncClient(
            settings.url, settings.api_key, language=settings.language, patience=Patience(total_s=None)
        ) as forgeline:
            seeder = Seeder(forgeline, self.machines, self.state, self.play, settings)
            while True:
                try:
                    await seeder.set_up(self.devices, self.server.endpoint)
                    await seeder.post_history()
                    await self._go_on(seeder)
                except ApiError as error:
                    # The machines run on; each step looks first for what is there, so all of it may be repeated.
                    if str(error) != told:
                        told = str(error)
                        log.error("Forgeline refused the set-up: %s; trying again each minute", told)
                    await asyncio.sleep(AGAIN_AFTER_S)
