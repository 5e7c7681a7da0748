"""A revoked device is cut, and its neighbours are not; a dead process's connections are taken over under load."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from connectors.services import create_connection
from forgeline.assets import services as assets
from forgeline.assets.models import DeviceCredential
from forgeline.embedded.broker import find_mosquitto
from forgeline.tenancy.scoping import tenant_scope
from tests.bench.plant import make_plant
from tests.faults.sequence import check_sequences, plan_load
from tests.faults.watch import Watch
from tests.rig import Rig
from tests.simulators.mqtt_fleet import Device

CUT_WITHIN_S = 5.0
TAKEN_OVER_WITHIN_S = 15.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        find_mosquitto() is None, reason="there is no mosquitto; `apt-get install mosquitto` brings it"
    ),
]


def now_values() -> Iterator[bytes]:
    for number in count():
        yield f'{{"ts":{time.time_ns() // 1_000_000},"values":{{"v0":{number}}}}}'.encode()


def test_a_revoked_device_is_cut_and_its_neighbour_goes_on(
    rig: Rig, watch: Watch, tell: Callable[[str], None]
) -> None:
    plant = make_plant(machines=2, points=1, name="revoked")
    watch.add_connectors()
    watch.wait_for_devices([user for user, _word in plant.credentials])

    def revoke() -> float:
        with tenant_scope(plant.company.tenant_id):
            credential = DeviceCredential.objects.get(username=plant.credentials[0][0])
            assets.revoke_credential(credential_id=credential.pk)
        return time.monotonic()

    async def scene() -> tuple[float, Device, Device]:
        devices = [
            Device(user, word, f"t/{user}", now_values(), window=5, is_paced=True)
            for user, word in plant.credentials
        ]
        tasks = [
            asyncio.create_task(device.stay_connected("127.0.0.1", rig.broker.port)) for device in devices
        ]
        gone, stays = devices
        async with asyncio.timeout(90):
            while gone.acknowledged < 3 or stays.acknowledged < 3:
                gone.pump(1)
                stays.pump(1)
                await asyncio.sleep(0.05)
            revoked_at = await asyncio.to_thread(revoke)
            # It tries at once to come back, and is refused: its task ends with that.
            while not tasks[0].done():
                gone.pump(1)
                stays.pump(1)
                await asyncio.sleep(0.01)
                if len(gone.acknowledged_at_loss) == 1 and gone.transport is None:
                    cut_s = time.monotonic() - revoked_at
                    gone.acknowledged_at_loss.append(-1)
            already = stays.acknowledged
            while stays.acknowledged < already + 3:
                stays.pump(1)
                await asyncio.sleep(0.05)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return cut_s, gone, stays

    cut_s, gone, stays = asyncio.run(scene())
    tell(f"revoked → cut: {cut_s:.2f} s")
    assert cut_s < CUT_WITHIN_S
    assert gone.refused
    assert stays.connects == 1


def test_a_dead_process_is_followed_by_another_under_load(
    rig: Rig, watch: Watch, tell: Callable[[str], None]
) -> None:
    plant = make_plant(machines=2, points=10, name="followed")
    with tenant_scope(plant.company.tenant_id):
        others = [
            create_connection(
                kind="mqtt",
                name=f"Own broker {number}",
                options={
                    "url": f"mqtt://127.0.0.1:{rig.broker.port}", "topics": [f"own/{number}/#"],
                    "username": "forgeline", "password": rig.broker.service_password,
                },
            ).pk
            for number in range(3)
        ]  # fmt: skip
    wanted = {"broker:0", *(f"connection:{pk}" for pk in others)}

    def owners() -> dict[str, str]:
        """Return resource → name of the process, whose leases are alive."""
        return dict(rig.ask("SELECT resource, owner FROM connectors_lease WHERE expires_at > now()"))

    def runs_elsewhere(dead: str) -> bool:
        now = owners()
        running = rig.ask(
            "SELECT count(*) FROM connectors_connectionstatus WHERE state = 'running' AND owner <> %s"
            " AND connection_id = ANY(%s)",
            dead, others,
        )[0][0]  # fmt: skip
        return set(now) >= wanted and dead not in now.values() and running == len(others)

    watch.add_connectors("first")
    watch.wait_for_devices([user for user, _word in plant.credentials])
    watch.add_connectors("second")
    watch.wait(lambda: set(owners()) >= wanted and len(set(owners().values())) == 2, "both own their share")
    plan = plan_load(plant, values=5, start_ms=time.time_ns() // 1_000_000 - 3_600_000, rate=200.0)
    fleet = rig.fleet(plan)
    before = rig.committed()
    watch.wait(lambda: rig.committed() > before + 2_000, "load")
    dead = owners()["broker:0"]
    name = next(each for each in ("first", "second") if f"-{watch.pid(each)}-" in dead)
    watch.drop(name)
    seconds = watch.wait(lambda: runs_elsewhere(dead), "the other process runs everything")
    at_takeover = rig.committed()
    watch.wait(lambda: rig.committed() > at_takeover + 2_000, "values are stored again")
    fleet.terminate()
    result = json.loads(fleet.communicate(timeout=60)[0])
    sent = [device["sent"] for device in result["devices"]]
    expected = sum(sent) * 5
    watch.wait(lambda: check_sequences(rig, plant, plan, sent).lost == 0, f"all of {expected} samples")
    found = check_sequences(rig, plant, plan, sent)
    tell(
        f"killed → taken over: {seconds:.1f} s; {found.expected} samples, lost {found.lost}, doubled {found.doubled}"
    )
    assert (found.expected, found.lost, found.doubled) == (expected, 0, 0)
    assert seconds < TAKEN_OVER_WITHIN_S
