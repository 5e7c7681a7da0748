"""The number of members of the platform's own subscription changes: each message still comes once."""

from __future__ import annotations

import json
import time

import pytest

from forgeline.embedded.broker import find_mosquitto
from tests.bench.plant import make_plant
from tests.faults.sequence import plan_load
from tests.faults.watch import Watch
from tests.rig import Rig

MESSAGES = 500

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_mosquitto() is None, reason="there is no mosquitto; `apt-get install mosquitto` brings it"
    ),
]


def test_each_message_comes_once_however_many_members_there_were_before(rig: Rig, watch: Watch) -> None:
    plant = make_plant(machines=2, points=5)

    def received() -> int:
        (row,) = rig.ask(
            "SELECT coalesce((s.counters->>'received')::int, 0) FROM connectors_connectionstatus s"
            " JOIN connectors_connection c ON c.id = s.connection_id WHERE c.kind = 'broker'"
        )
        return int(row[0])

    start_ms = time.time_ns() // 1_000_000 - 3_600_000
    for turn, members in enumerate((1, 2, 1), 1):
        watch.add_connectors("connectors", "--members", str(members))
        watch.wait_for_devices([user for user, _word in plant.credentials])
        # Every member that there will be has subscribed: the state told is that of the first alone.
        watch.wait(
            lambda members=members: rig.ask(  # type: ignore[misc]
                "SELECT count(*) = %s FROM connectors_lease WHERE resource LIKE 'broker:%%' AND expires_at > now()",
                members,
            )[0][0],
            "the members are owned",
        )
        plan = plan_load(plant, values=5, start_ms=start_ms + turn * 600_000, messages=MESSAGES)
        result = json.loads(rig.fleet(plan).communicate(timeout=60)[0])
        assert result["acknowledged"] == 2 * MESSAGES
        want = turn * 2 * MESSAGES
        watch.wait(lambda want=want: received() >= want, f"{want} messages are counted")  # type: ignore[misc]
        watch.wait(lambda turn=turn: rig.committed() == turn * 10 * MESSAGES, "all of them are stored")  # type: ignore[misc]
        child = watch.children.pop("connectors")
        watch.supervisor.children.remove(child)
        child.ask_to_stop()
        assert child.process is not None
        child.process.wait(20)
        assert received() == want
