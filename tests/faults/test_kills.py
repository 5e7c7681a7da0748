"""Under load every part is killed, one after another: the store then holds each number once."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import redis
from kombu.exceptions import KombuError

from connectors.services import update_connection
from forgeline.conf.celery import app as celery
from forgeline.realtime.publish import CHANNEL
from forgeline.telemetry.sample import SampleFlag
from forgeline.tenancy.scoping import tenant_scope
from tests.bench.plant import BenchPlant, make_plant
from tests.faults.senders import HttpDevice, firehose
from tests.faults.sequence import check_sequences, plan_load
from tests.faults.watch import Watch
from tests.rig import Rig, _answers

RATE = 1_000.0
"""Messages a second of ten values each: load, but not all that two shared cores can bear."""
TAGS = 100
MORE = 4_000
"""So many rows must be stored after each kill before the next one."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


def grows(rig: Rig, rows: int = MORE) -> Callable[[], bool]:
    """Return a question: are so many rows stored more than when first asked?"""
    first: list[int] = []

    def ask() -> bool:
        first.append(rig.committed())
        return first[-1] >= first[0] + rows

    return ask


def hears_live_values(rig: Rig) -> bool:
    with redis.Redis.from_url(rig.valkey.url, socket_timeout=1) as client, client.pubsub() as channel:
        channel.psubscribe(f"{CHANNEL}*")
        for _ in range(3):
            message = channel.get_message(timeout=1.0)
            if message is not None and message["type"] == "pmessage":
                return True
    return False


def worker_answers(rig: Rig) -> bool:
    try:
        with celery.connection_for_write(url=rig.valkey.url) as link:
            return bool(celery.control.ping(timeout=1.0, connection=link))
    except (redis.RedisError, KombuError):
        return False


def ticks(rig: Rig, plant: BenchPlant) -> tuple[int, int, int]:
    """Return how many changes of the OPC UA tags are stored, missing between first and last, and doubled."""
    (row,) = rig.ask(
        "SELECT coalesce(sum(kept), 0), coalesce(sum(last - first + 1 - kept), 0), coalesce(sum(rows - kept), 0)"
        " FROM (SELECT count(*) AS rows, count(DISTINCT value) AS kept, min(value) AS first, max(value) AS last"
        " FROM telemetry_sample WHERE point_id = ANY(%s) AND value > 0 AND flags & %s = 0 GROUP BY point_id) t",
        plant.point_ids.tolist(), int(SampleFlag.HELD),
    )  # fmt: skip
    return int(row[0]), int(row[1]), int(row[2])


def test_whatever_is_killed_nothing_is_lost_and_nothing_doubled(
    rig: Rig, watch: Watch, tell: Callable[[str], None]
) -> None:
    plant = make_plant(machines=4, points=20)
    tagged = make_plant(machines=1, points=TAGS + 1, name="tags")
    watch.add_web()
    watch.add_worker()
    watch.add_connectors()
    watch.wait_for_devices([user for user, _word in plant.credentials])
    watch.wait(lambda: _answers(f"{rig.url}/readyz"), "the web server answers")
    start_ms = time.time_ns() // 1_000_000 - 7_200_000
    plan = plan_load(plant, values=10, start_ms=start_ms, rate=RATE)
    poster = HttpDevice(rig.url, tagged.company.manager_key, int(tagged.point_ids[-1]), start_ms)
    opcua_ids = tagged.point_ids[:-1].tolist()
    seconds: dict[str, float] = {}
    with firehose(tagged.company.tenant_id, opcua_ids) as connection:
        fleet = rig.fleet(plan)
        poster.start()
        watch.wait(grows(rig), "load")

        def fault(name: str, is_back: Callable[[], Any]) -> None:
            pid = watch.kill(name)
            seconds[name] = watch.wait(
                lambda: watch.has_restarted(name, pid) and is_back(), f"{name} is back"
            )
            watch.wait(grows(rig), f"values are stored after the death of {name}")

        fault("connectors", grows(rig))
        with tenant_scope(tagged.company.tenant_id):
            # Its server keeps no history: what a dead client misses there is gone, so it comes after that kill.
            update_connection(connection_id=connection.pk, enabled=True)
        watch.wait(lambda: ticks(rig, tagged)[0] > 2 * TAGS, "values by OPC UA")
        fault("web", lambda: _answers(f"{rig.url}/readyz"))
        fault("worker", lambda: worker_answers(rig))
        fault("database", lambda: _answers(f"{rig.url}/readyz"))
        fault("broker", watch.is_connected)
        fault("cache", lambda: hears_live_values(rig) and worker_answers(rig))
        fleet.terminate()
        watch.wait(lambda: fleet.poll() is not None, "the devices have their acknowledgements")
        result = json.loads(fleet.communicate()[0])
        poster.stop()
    sent = [device["sent"] for device in result["devices"]]
    watch.wait(_is_quiet(rig), "the store has what was sent")
    found = check_sequences(rig, plant, plan, sent)
    kept, missing, doubled = ticks(rig, tagged)
    posted = rig.ask(
        "SELECT count(*), count(DISTINCT value) FROM telemetry_sample WHERE point_id = %s", poster.point_id
    )[0]
    tell(f"back after: { {name: round(s, 1) for name, s in seconds.items()} } s; {'; '.join(watch.said)}")
    tell(f"MQTT: {sum(sent)} messages, {found.expected} samples, lost {found.lost}, doubled {found.doubled}")
    tell(f"acknowledged by the broker and gone with its memory: {found.missing_messages} messages")
    tell(
        f"OPC UA: {kept} changes, lost {missing}, doubled {doubled}; HTTP: {poster.sent} sent, {posted} stored"
    )
    assert found.doubled == 0
    assert (missing, doubled) == (0, 0)
    assert posted == (poster.sent, poster.sent)
    for device, numbers in found.missing.items():
        # What is gone may only have lived in the broker's memory: acknowledged before it was killed, in one piece.
        (frontier,) = result["devices"][device]["acknowledged_at_loss"]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert numbers[-1] <= frontier
    assert watch.supervisor.children
    assert all(child.restarts == (child.name in seconds) for child in watch.supervisor.children)


def _is_quiet(rig: Rig) -> Callable[[], bool]:
    """Return a question: has nothing been stored for two seconds?"""
    last = [-1, time.monotonic()]

    def ask() -> bool:
        with contextlib.suppress(psycopg.Error):
            now = rig.committed()
            if now != last[0]:
                last[:] = [now, time.monotonic()]
        return time.monotonic() - last[1] > 2.0

    return ask
