"""Payloads of real devices, and ten thousand of none."""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

import pytest

from connectors.mqtt.decode import DecodeError, Decoder
from connectors.mqtt.mapping import Mapping, MappingError
from connectors.mqtt.names import Naming, name_by_topic, name_by_user
from connectors.mqtt.presets import PRESETS
from connectors.mqtt.times import TimeFormatError, read_time

NOON_US = 1_714_968_000_000_000
"""2024-05-06 12:00:00 in Shanghai."""


def read(
    payload: Any, *, topic: str = "hall/press", decoder: Decoder | None = None
) -> dict[str, tuple[Any, Any]]:
    """Return address → (value, ts_us)."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    decoded = (decoder or Decoder(Naming(name_by_topic))).decode(topic, body)
    return dict(zip(decoded.addresses, zip(decoded.values, decoded.ts_us, strict=True), strict=True))


def preset(name: str) -> Decoder:
    return Decoder(Naming(name_by_topic), Mapping.parse(PRESETS[name]))


def test_the_plain_shapes() -> None:
    ms, us = 1_714_968_000_123, 1_714_968_000_123_000
    assert read({"ts": ms, "values": {"p": 1.5}}) == {"hall/press#p": (1.5, us)}
    assert read({"p": 1, "state": {"mode": "auto"}}) == {
        "hall/press#p": (1, None), "hall/press#state.mode": ("auto", None)
    }  # fmt: skip
    assert read({"timestamp": "2024-05-06T12:00:00+08:00", "p": 1}) == {"hall/press#p": (1, NOON_US)}
    assert read([{"ts": ms, "values": {"p": 1}}, {"ts": ms + 1, "p": 2}]) == {"hall/press#p": (2, us + 1000)}
    assert read(b"21.5", topic="hall/press/temp") == {"hall/press#temp": (21.5, None)}
    assert read(b"ON", topic="hall/press/lamp") == {"hall/press#lamp": ("ON", None)}


def test_values_may_bear_their_quality() -> None:
    decoded = Decoder(Naming(name_by_topic)).decode("m", b'{"ts":1714968000123,"values":{"a":[1.5,1],"b":2}}')
    assert (decoded.values, decoded.quality) == ([1.5, 2], [1, 0])


def test_the_platforms_own_topics_name_the_user() -> None:
    decoder = Decoder(Naming(name_by_user))
    assert set(read({"p": 1}, topic="t/d1/telemetry", decoder=decoder)) == {"d1#p"}
    assert set(read({"p": 1}, topic="t/d1", decoder=decoder)) == {"d1#p"}
    assert set(read({"p": 1}, topic="t/d1/meter7", decoder=decoder)) == {"d1#meter7/p"}
    assert set(read(b"1", topic="t/d1/power", decoder=decoder)) == {"d1#power"}


def test_shelly() -> None:
    payload = {
        "src": "shellypro3em-1", "dst": "x/events", "method": "NotifyStatus",
        "params": {"ts": 1714968000.5, "switch:0": {"id": 0, "apower": 8.9, "aenergy": {"total": 6.5}}},
    }  # fmt: skip
    found = read(payload, topic="shellypro3em-1/events/rpc", decoder=preset("shelly"))
    assert found["shellypro3em-1#switch:0.apower"] == (8.9, NOON_US + 500_000)
    assert found["shellypro3em-1#switch:0.aenergy.total"][0] == 6.5


def test_tasmota() -> None:
    payload = {"Time": "2024-05-06T12:00:00", "ENERGY": {"Total": 3.185, "Power": 16}, "POWER": "ON"}
    found = read(payload, topic="tele/lathe/SENSOR", decoder=preset("tasmota"))
    assert found == {
        "lathe#ENERGY.Total": (3.185, NOON_US), "lathe#ENERGY.Power": (16, NOON_US), "lathe#POWER": (1, NOON_US)
    }  # fmt: skip


def test_zigbee2mqtt() -> None:
    payload = {"power": 12.1, "state": "OFF", "last_seen": "2024-05-06T12:00:00+08:00"}
    found = read(payload, topic="zigbee2mqtt/plug7", decoder=preset("zigbee2mqtt"))
    assert found == {"plug7#power": (12.1, NOON_US), "plug7#state": (0, NOON_US)}


@pytest.mark.parametrize("time", ["2024-05-06 12:00:00", "20240506120000", "2024/05/06 12:00:00"])
def test_a_chinese_data_logger(time: str) -> None:
    payload = {"sn": "2403150001", "time": time, "data": [{"name": "Ua", "value": "220.5"}]}
    assert read(payload, decoder=preset("cn_meter")) == {"2403150001#Ua": ("220.5", NOON_US)}


def test_the_short_form_of_one() -> None:
    payload = {"id": "meter-7", "ts": 1714968000, "list": [{"k": "P", "v": 12.3}, {"k": "Q", "v": 1}]}
    found = read(payload, decoder=preset("cn_meter_short"))
    assert found == {"meter-7#P": (12.3, NOON_US), "meter-7#Q": (1, NOON_US)}


@pytest.mark.parametrize(
    "raw",
    [
        {}, {"device": "topic.1"}, {"device": "nowhere.1", "values": "payload"},
        {"device": "topic.x", "values": "payload"}, {"device": "topic.1", "value": "item.v"},
        {"device": "topic.1", "values": "payload", "zone": "Moon"},
        {"device": "topic.1", "values": "payload", "bad": 1},
        {"device": "topic.1", "values": "payload", "zone": "Asia"},
        {"device": "topic.1", "values": "payload", "skip": 5},
        {"device": "topic.1", "values": "payload", "words": [1]},
    ],
)  # fmt: skip
def test_a_mapping_that_cannot_work_is_told(raw: dict[str, Any]) -> None:
    with pytest.raises(MappingError):
        Mapping.parse(raw)


def test_names_that_no_binding_could_have_are_refused() -> None:
    for payload in (b'{"values":{"%s":1}}', b'{"%s":1}', b'[{"%s":1}]'):
        with pytest.raises(DecodeError, match="longer") as caught:
            read(payload % (b"n" * 500))
        assert caught.value.reason == "mqtt.address_too_long"


def test_a_quoted_text_that_is_none_is_refused() -> None:
    with pytest.raises(DecodeError) as caught:
        read(b'"\xac"', topic="hall/press/note")
    assert caught.value.reason == "mqtt.not_text"


def test_times_by_their_size() -> None:
    for value in (1_714_968_000, 1_714_968_000.0, 1_714_968_000_000, NOON_US, NOON_US * 1000, "1714968000"):
        assert read_time(value) == NOON_US
    for bad in ("yesterday", "2024-05-06 12:00:00", True, None, float("nan"), 1e300, 10**400, [], "²", "٣"):
        with pytest.raises(TimeFormatError):
            read_time(bad)


def test_ten_thousand_payloads_that_nobody_should_send() -> None:
    draw = random.Random(7)
    decoders = [Decoder(Naming(name_by_topic)), *(preset(name) for name in PRESETS)]
    good = json.dumps({"ts": 1714968000123, "values": {"a": 1, "b": [2, 1], "c": {"d": "x"}}}).encode()
    refused = 0
    for number in range(10_000):
        try:
            decoders[number % len(decoders)].decode("a/b/c", _fuzz(draw, good, number))
        except DecodeError as error:
            assert error.reason.startswith("mqtt.")
            refused += 1
    assert refused > 5_000


_ATOMS = (
    0, -1, 1e308, 9**400, 1e17, 2**53 + 1, -(2**63), True, None, [], {}, [1], [1, 2], [None, 3], "", ".", "-", "1.",
    "\u00b2", "\u0663", "NaN", "\x00", "x" * 500, "9999-12-31T23:59:59", "0001-01-01T00:00:00", "20240230120000",
    "99999999999999", "2024-03-31 02:30:00", "1e5", "1_000", 1714968000,
)  # fmt: skip


def _wild(draw: random.Random, keys: list[str], depth: int) -> Any:
    """Return JSON of the keys that mappings look for, in no order that any of them expects."""
    chance = draw.random()
    if depth == 0 or chance < 0.4:
        return draw.choice(_ATOMS)
    if chance < 0.55:
        return [_wild(draw, keys, depth - 1) for _ in range(draw.randrange(4))]
    return {draw.choice(keys): _wild(draw, keys, depth - 1) for _ in range(draw.randrange(1, 6))}


def test_the_keys_of_meters_in_shapes_of_no_meter() -> None:
    draw = random.Random(11)
    words = json.dumps([*PRESETS.values()]).replace('"', " ").replace(".", " ").split()
    keys = ["ts", "time", "values", "", "\x00", *(word for word in words if word.isalnum())]
    decoders = [
        Decoder(Naming(name_by_topic)), Decoder(Naming(name_by_user)), *(preset(name) for name in PRESETS)
    ]  # fmt: skip
    for _ in range(3_000):
        payload = bytearray(json.dumps(_wild(draw, keys, 5)).encode())
        if draw.random() < 0.2:
            payload[draw.randrange(len(payload))] = draw.randrange(256)
        for decoder in decoders:
            with contextlib.suppress(DecodeError):
                decoder.decode(draw.choice(("a/b/c", "t/u/telemetry", "tele/x/SENSOR", "x")), bytes(payload))


def _fuzz(draw: random.Random, good: bytes, number: int) -> bytes:
    kind = number % 12
    if kind < 4:
        body = bytearray(good)
        for _ in range(draw.randrange(1, 8)):
            body[draw.randrange(len(body))] = draw.randrange(256)
        return bytes(body)
    strange = (
        b'{"values":{"a":NaN}}', b'{"values":{"a":1e999}}', b'{"a":' * 5_000, b"[" * 100_000,
        b'{"ts":99999999999999999999999999,"values":{"a":1}}', b"\xff\xfe" * 50, b'{"ts":{},"values":{"a":1}}',
        draw.randbytes(draw.randrange(0, 300)),
    )  # fmt: skip
    return strange[kind - 4]
