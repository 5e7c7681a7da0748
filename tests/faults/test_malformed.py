"""Ten thousand payloads of no sense over the real broker: nothing crashes, each is counted, neighbours are kept."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator

import pytest

from connectors.models import Connection, Undecodable
from forgeline.tenancy.scoping import tenant_scope
from tests.bench.plant import make_plant
from tests.faults.watch import Watch
from tests.rig import Rig, memory_mb
from tests.simulators.mqtt_fleet import Device, run_fleet

PAYLOADS = 10_000
NEIGHBOURS = 2_000
BLOBS = 40
MEMORY_BOUND_MB = 300

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def one_value(value: str, ts: str | None = None) -> bytes:
    """Render a message of one value at the key ``wild``; both are JSON as they stand."""
    at = str(time.time_ns() // 1_000_000) if ts is None else ts
    return f'{{"ts":{at},"values":{{"wild":{value}}}}}'.encode()


def mutate(chance: random.Random) -> bytes:
    """Return a good message with one byte changed, taken out or put in."""
    payload = bytearray(one_value("12.5"))
    at = chance.randrange(len(payload))
    match chance.randrange(3):
        case 0:
            payload[at] = chance.randrange(256)
        case 1:
            del payload[at]
        case _:
            payload.insert(at, chance.randrange(256))
    return bytes(payload)


def blob(chance: random.Random) -> bytes:
    """Return a megabyte, as large as the broker passes on."""
    size = 1_048_576
    match chance.randrange(5):
        case 0:
            return chance.randbytes(size)
        case 1:
            return b"[" * size
        case 2:
            return one_value(json.dumps("x" * (size - 100)))
        case 3:
            return b"x" * (size + 10_000)
        case _:
            return one_value("9" * (size - 100))


VALUES = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e308", "9" * 400, "9" * 5_000, "9007199254740993",
    "18446744073709551616", "-1", "null", "true", '""', '"NaN"', '"1e999"', '"inf"', '"12,5"', '"\\u0000"',
    '"\\ud800"', '"\u00b2"', "[]", "[1]", "[1,2,3]", "[[1]]", '[1,"bad"]', "[1,99]", "[null,2]", "[NaN,0]",
    '"' + "long" * 2_000 + '"', "{}", '{"":1}', '{"\\u0000":1}', '{"deeper":1}',
)  # fmt: skip
TIMES = (
    "0", "-1", "1", "1e3", "1e30", "-1e300", "9" * 30, "9" * 400, "true", '"yesterday"', '"2024-13-45"', '"\u00b2"',
    '"\u0661\u0662"', '"2024-05-06T12:00:00"', '"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-14:00"', "[]",
    "{}", '""', "4102444800000", "253402300799000",
)  # fmt: skip
WHOLES = (
    b"", b"\x00", b"\xff\xfe\xfd", b"{", b"}", b"[]", b"{}", b"[1,2]", b"[null]", b'["a"]', b'{"values":{}}',
    b'{"ts":1}', b'{"values":[]}', b"\xef\xbb\xbf{}", b'{"a":' * 5_000, b"[" * 50_000, b"\xc3\x28", b"{\x00}",
    b'"\xac"', b'{"wild":"\xac"}', b'{"wild":1}{"wild":2}', b"'single'", b'{"wild":0x10}', b'{"wild":+1}',
    b'{"wild":.5}', b'{"wild":01}',
)  # fmt: skip


def wild_payloads(seed: int) -> Iterator[bytes]:
    """Yield the payloads: each holds at most one value, so that each has one fate."""
    chance = random.Random(seed)
    for number in range(PAYLOADS):
        if number % (PAYLOADS // BLOBS) == 7:
            yield blob(chance)
            continue
        match chance.randrange(6):
            case 0:
                yield one_value(chance.choice(VALUES))
            case 1:
                yield one_value("1.5", chance.choice(TIMES))
            case 2:
                yield chance.choice(WHOLES)
            case 3:
                depth = chance.randrange(2, 400)
                yield one_value('{"n":' * depth + "1" + "}" * depth)
            case 4:
                yield chance.randbytes(chance.randrange(1, 200))
            case _:
                yield mutate(chance)


def test_malformed_payloads_are_counted_and_their_neighbours_stored(
    rig: Rig, watch: Watch, tell: Callable[[str], None]
) -> None:
    plant = make_plant(machines=2, points=2)
    with tenant_scope(plant.company.tenant_id):
        from forgeline.assets.models import Point

        wild = Point.objects.get(asset_id=plant.asset_ids[0], key="v0")
        Point.objects.filter(pk=wild.pk).update(key="wild", name="wild")
    connectors = watch.add_connectors()
    watch.wait_for_devices([user for user, _word in plant.credentials])
    start_ms = time.time_ns() // 1_000_000 - 3_600_000
    (user, word), (other, other_word) = plant.credentials

    def good(key: str) -> Iterator[bytes]:
        return (f'{{"ts":{start_ms + n * 100},"values":{{"{key}":{n}}}}}'.encode() for n in range(NEIGHBOURS))

    devices = [
        Device(user, word, f"t/{user}/telemetry", wild_payloads(seed=4), window=50),
        Device(user, word, f"t/{user}/telemetry", good("v1"), window=10),
        Device(other, other_word, f"t/{other}", good("v0"), window=10),
    ]
    # One credential, two connections: the broker tells them apart by their client ids.
    devices[1].client_id = f"{user}-good"
    asyncio.run(run_fleet(devices, "127.0.0.1", rig.broker.port, timeout_s=120))
    sent = sum(device.sent for device in devices)
    assert sent == PAYLOADS + 2 * NEIGHBOURS

    def counters() -> dict[str, object]:
        (row,) = rig.ask(
            "SELECT s.counters FROM connectors_connectionstatus s JOIN connectors_connection c"
            " ON c.id = s.connection_id WHERE c.kind = 'broker'"
        )
        return dict(row[0])

    def fates() -> int:
        """Count the messages that are stored or refused."""
        counted = counters()
        return int(counted["stored"]) + sum(counted["rejected"].values())  # type: ignore[call-overload, attr-defined]

    def stored(point_id: int) -> int:
        return int(rig.ask("SELECT count(*) FROM telemetry_sample WHERE point_id = %s", point_id)[0][0])

    watch.wait(lambda: fates() >= sent, f"{sent} messages have a fate")
    counted = counters()
    rejected: dict[str, int] = counted["rejected"]  # type: ignore[assignment]
    unread = sum(count for reason, count in rejected.items() if reason.startswith("mqtt."))
    tell(f"malformed: {sum(rejected.values())} of {PAYLOADS} refused, {counted['stored']} stored: {rejected}")
    assert counted["received"] == sent
    assert counted["decoded"] == sent - unread
    assert fates() == sent
    assert "mqtt.unreadable" not in rejected, "a payload failed in a way that nobody foresaw"
    assert sum(rejected.values()) > PAYLOADS * 0.6
    _wild, neighbour, far, _quiet = plant.point_ids.tolist()
    assert (stored(neighbour), stored(far)) == (NEIGHBOURS, NEIGHBOURS)
    assert connectors.restarts == 0
    assert connectors.is_running
    assert memory_mb(watch.pid("connectors")) < MEMORY_BOUND_MB
    with tenant_scope(plant.company.tenant_id):
        broker = Connection.objects.get(kind="broker")
        kept = Undecodable.objects.filter(connection=broker)
        assert kept.count() == 100
        assert all(row.reason in rejected and len(row.payload) <= 2_000 for row in kept)
