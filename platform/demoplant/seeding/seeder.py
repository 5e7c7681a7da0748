"""The order of things at a start: places, devices with credentials, connection, maintenance, then the history.

Not here: how each is made (places, connection, maintenance, history).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from demoplant.devices import MqttDevice
from demoplant.model import MachineSpec
from demoplant.seeding.advisory_story import AdvisoryStory
from demoplant.seeding.connection import ensure_connection
from demoplant.seeding.history import post_history
from demoplant.seeding.maintenance import MaintenanceSeeder
from demoplant.seeding.places import Places, PlaceSeeder
from demoplant.settings import Settings
from demoplant.signals import Play
from demoplant.state import State
from forgeline_client import AsyncClient

RENEW_AFTER_S = 60.0
"""A credential that the broker refuses for so long is renewed: it was revoked, or the broker lost it."""

ANSWERS_EVERY_S = 20.0

log = logging.getLogger("demoplant.seeding")


class Seeder:
    """Brings Forgeline to know this plant."""

    def __init__(
        self,
        forgeline: AsyncClient,
        machines: tuple[MachineSpec, ...],
        state: State,
        play: Play,
        settings: Settings,
    ) -> None:
        self._forgeline = forgeline
        self._machines = machines
        self._state = state
        self._play = play
        self._settings = settings
        self._places: Places | None = None

    async def set_up(self, devices: Mapping[str, MqttDevice], endpoint: str) -> None:
        """Create what is missing, open the devices, and make the connection; a repetition changes nothing."""
        places = await PlaceSeeder(self._forgeline, self._machines, self._settings.language).ensure()
        if places.is_new_site or self._state.site_id != places.site_id:
            self._state.begin_anew(places.site_id, self._play.started_ms)
        self._places = places
        for key, device in devices.items():
            credential = await self._credential_of(key)
            await asyncio.to_thread(device.open, credential["username"], credential["password"])
        await ensure_connection(
            self._forgeline, self._machines, places.point_ids, endpoint, self._settings.language
        )
        await MaintenanceSeeder(
            self._forgeline, self._machines, places.machine_ids, places.site_id, self._state.history.until_ms,
            self._settings.language,
        ).ensure()  # fmt: skip
        log.info("plant set up: %d points, %d made or changed", len(places.point_ids), places.made)

    async def post_history(self) -> None:
        """Fill the weeks before the first start."""
        assert self._places is not None
        accepted = await post_history(
            self._forgeline, self._machines, self._play, self._places.point_ids, self._state,
            self._settings.history_days,
        )  # fmt: skip
        if accepted:
            log.info("history: %d samples accepted", accepted)

    async def answer_advisories(self) -> None:
        """Wait until Forgeline has found the recorded failure in the history, and do what a crew would."""
        assert self._places is not None
        story = AdvisoryStory(self._forgeline, self._places.machine_ids, self._settings.language)
        while True:
            if await story.go_on():
                return
            await asyncio.sleep(ANSWERS_EVERY_S)

    async def renew_refused(self, devices: Mapping[str, MqttDevice]) -> None:
        """Watch for devices whose credential is refused, and give them a new one."""
        while True:
            await asyncio.sleep(5)
            for key, device in devices.items():
                since = device.refused_since
                if since is None or time.monotonic() - since < RENEW_AFTER_S:
                    continue
                log.info("device %s: a new credential replaces the refused one", key)
                self._state.credentials.pop(key, None)
                credential = await self._credential_of(key)
                await asyncio.to_thread(device.close, 0.0)
                await asyncio.to_thread(device.open, credential["username"], credential["password"])

    async def _credential_of(self, key: str) -> dict[str, str]:
        """Return the device's credential; the password is told once, so it is kept in the state file."""
        known = self._state.credentials.get(key)
        if known is None:
            assert self._places is not None
            row = await self._forgeline.post(f"/devices/{self._places.device_ids[key]}/credentials/", {})
            known = {"username": row["username"], "password": row["password"]}
            self._state.credentials[key] = known
            self._state.save()
        return known
