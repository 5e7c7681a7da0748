"""The driver against a real mosquitto: versions, TCP, TLS, WebSocket, late acknowledgement, faults, its test."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.publish as one_shot
import pytest

from connectors.contract import ConnectorError, PermanentError, ReadingBlock, Undecodable
from connectors.mqtt.decode import Decoded, Decoder
from connectors.mqtt.driver import MqttDriver
from connectors.mqtt.options import MqttOptions
from forgeline.embedded.broker import find_mosquitto
from forgeline.embedded.service import free_port
from tests.connectors.floor import wait_for

MOSQUITTO = find_mosquitto()
pytestmark = [
    pytest.mark.skipif(
        MOSQUITTO is None, reason="there is no mosquitto; `apt-get install mosquitto` brings it"
    ),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl"),
]


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the broker listens: plain, TLS, WebSocket, and with a password."""

    tcp: int
    tls: int
    ws: int
    ca: str


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    folder = tmp_path_factory.mktemp("mosquitto")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "ca.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    tcp, tls, ws = free_port(), free_port(), free_port()
    (folder / "mosquitto.conf").write_text(
        f"user root\\nallow_anonymous true\\nlistener {tcp} 127.0.0.1\\n"
        f"listener {tls} 127.0.0.1\\ncertfile {folder}/ca.pem\\nkeyfile {folder}/key.pem\\n"
        f"listener {ws} 127.0.0.1\\nprotocol websockets\\n".replace("\\n", "\n")
    )
    process = subprocess.Popen([str(MOSQUITTO), "-c", str(folder / "mosquitto.conf")])
    try:
        wait_for(lambda: _answers(tcp), "the broker")
        yield Ports(tcp, tls, ws, (folder / "ca.pem").read_text())
    finally:
        process.terminate()
        process.wait(5)


def _answers(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Outlet:
    """Keeps what the driver delivers."""

    blocks: list[ReadingBlock] = field(default_factory=list)
    refused: list[tuple[Undecodable, Any]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    measures: dict[str, float] = field(default_factory=dict)
    is_full: bool = False

    async def put(self, block: ReadingBlock) -> None:
        self.blocks.append(block)

    def offer(self, block: ReadingBlock) -> bool:
        if not self.is_full:
            self.blocks.append(block)
        return not self.is_full

    def refuse(self, undecodable: Undecodable, receipt: Any = None) -> None:
        self.refused.append((undecodable, receipt))

    def report(self, event: str, **facts: Any) -> None:
        self.events.append(event)

    def measure(self, name: str, value: float) -> None:
        self.measures[name] = value


async def until(condition: Any, what: str) -> None:
    await asyncio.to_thread(wait_for, condition, what, 10.0)


@contextlib.asynccontextmanager
async def running(driver: MqttDriver) -> AsyncIterator[Outlet]:
    outlet = Outlet()
    task = asyncio.create_task(driver.run(outlet, []))
    await until(lambda: "connected" in outlet.events or task.done(), "the driver to connect")
    if task.done():
        task.result()
    try:
        yield outlet
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def make(broker: Ports, client_id: str, **options: Any) -> MqttDriver:
    raw = {"url": f"mqtt://127.0.0.1:{broker.tcp}", "topics": ["hall/#"], **options}
    return MqttDriver(MqttOptions.parse(raw), connection_id=1, client_id=client_id)


async def publish(broker: Ports, payload: bytes, topic: str = "hall/press", **more: Any) -> None:
    await asyncio.to_thread(
        one_shot.single, topic, payload, qos=1, hostname="127.0.0.1", port=broker.tcp, **more
    )


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("transport", ["tcp", "tls", "ws"])
def test_every_way_in(broker: Ports, version: str, transport: str) -> None:
    url = {
        "tcp": f"mqtt://localhost:{broker.tcp}", "tls": f"mqtts://localhost:{broker.tls}", "ws": f"ws://localhost:{broker.ws}",
    }[transport]  # fmt: skip

    async def scene() -> None:
        driver = make(broker, f"way-{version}-{transport}", url=url, version=version, ca=broker.ca)
        async with running(driver) as outlet:
            await publish(broker, b'{"ts":1714968000123,"values":{"p":1.5}}')
            await until(lambda: outlet.blocks, "the message")
            block = outlet.blocks[0]
            assert (tuple(block.addresses), block.values) == (("hall/press#p",), [1.5])
            assert block.ts_us == [1_714_968_000_123_000]
            driver.settle([block.receipt])

    asyncio.run(scene())


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_what_is_not_settled_comes_again_and_what_is_does_not(broker: Ports, version: str) -> None:
    async def scene() -> None:
        driver = make(broker, f"late-{version}", version=version)
        async with running(driver) as outlet:
            await publish(broker, b'{"a":1}')
            await publish(broker, b'{"a":2}')
            await until(lambda: len(outlet.blocks) == 2, "both messages")
            driver.settle([outlet.blocks[0].receipt])
            await asyncio.sleep(0.2)
        async with running(driver) as again:
            await until(lambda: again.blocks, "the unsettled message")
            await publish(broker, b'{"a":3}')
            await until(lambda: len(again.blocks) == 2, "the next one")
            assert [block.values for block in again.blocks] == [[2], [3]]
            # A receipt of the earlier connection is void: its number stands for another message by now.
            driver.settle([outlet.blocks[1].receipt])
            driver.settle([block.receipt for block in again.blocks])

    asyncio.run(scene())


def test_a_full_pipeline_holds_the_messages_and_gives_them_in_order(broker: Ports) -> None:
    async def scene() -> None:
        driver = make(broker, "full")
        async with running(driver) as outlet:
            outlet.is_full = True
            for number in range(20):
                await publish(broker, b'{"a":%d}' % number)
            assert outlet.blocks == []
            outlet.is_full = False
            await until(lambda: len(outlet.blocks) == 20, "the held messages")
            assert [block.values[0] for block in outlet.blocks] == list(range(20))
            driver.settle([block.receipt for block in outlet.blocks])

    asyncio.run(scene())


def test_large_messages_are_not_read_beyond_what_memory_may_hold(
    broker: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.mqtt.link.HELD_BYTES", 2_000_000)

    async def scene() -> None:
        driver = make(broker, "large")
        async with running(driver) as outlet:
            outlet.is_full = True
            for number in range(20):
                await publish(broker, b'{"a":"%d%s"}' % (number, b"x" * 500_000))
            link = driver._link
            assert link is not None
            await until(lambda: link.held_bytes >= 2_000_000, "the memory to be full")
            await asyncio.sleep(0.5)
            # What the socket's buffer had already been asked for may come on top, once.
            assert link.held_bytes < 4_000_000
            outlet.is_full = False
            await until(lambda: len(outlet.blocks) == 20, "every message")
            assert link.held_bytes == 0
            driver.settle([block.receipt for block in outlet.blocks])

    asyncio.run(scene())


def test_a_retained_message_needs_a_time(broker: Ports) -> None:
    async def scene() -> None:
        await publish(broker, b'{"a":1}', "hall/old", retain=True)
        await publish(broker, b'{"ts":1714968000123,"values":{"a":1}}', "hall/dated", retain=True)
        async with running(make(broker, "retained", session_expiry_s=0)) as outlet:
            await until(lambda: outlet.blocks and outlet.refused, "both")
            assert outlet.blocks[0].addresses == ("hall/dated#a",)
            assert outlet.refused[0][0].reason == "mqtt.retained_without_time"
        for topic in ("hall/old", "hall/dated"):
            await publish(broker, b"", topic, retain=True)

    asyncio.run(scene())


def test_a_message_that_breaks_the_decoder_is_refused_and_the_next_one_comes(
    broker: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Decoder, _topic: str, payload: bytes) -> Decoded:
        if payload == b"poison":
            raise KeyError("nobody foresaw this")
        return Decoded(("a#b",), [1], [None])

    monkeypatch.setattr(Decoder, "decode", fail)

    async def scene() -> None:
        async with running(make(broker, "poisoned")) as outlet:
            await publish(broker, b"poison")
            await publish(broker, b"1")
            await until(lambda: outlet.blocks, "the message behind the one at fault")
            ((undecodable, receipt),) = outlet.refused
            assert (undecodable.reason, undecodable.payload) == ("mqtt.unreadable", b"poison")
            assert receipt is not None
            assert outlet.events == ["connected"]

    asyncio.run(scene())


def test_faults_say_what_is_wrong_and_which_no_retry_mends(broker: Ports) -> None:
    async def fault(**options: Any) -> ConnectorError:
        with pytest.raises(ConnectorError) as caught:
            await asyncio.wait_for(make(broker, "fault", **options).run(Outlet(), []), 15)
        return caught.value

    async def scene() -> None:
        nobody = await fault(url=f"mqtt://127.0.0.1:{free_port()}")
        assert (nobody.key, isinstance(nobody, PermanentError)) == ("mqtt.nobody_there", False)
        untrusted = await fault(url=f"mqtts://localhost:{broker.tls}")
        assert (untrusted.key, isinstance(untrusted, PermanentError)) == ("mqtt.untrusted", True)

    asyncio.run(scene())


def test_before_it_is_saved(broker: Ports) -> None:
    async def scene() -> None:
        good = await make(broker, "try").check()
        assert [step.ok for step in good] == [True, True]
        bad = await make(broker, "try", url=f"mqtt://127.0.0.1:{free_port()}").check()
        assert [step.ok for step in bad] == [False]

    asyncio.run(scene())


def _options(broker: Ports, former: MqttOptions | None = None, **raw: Any) -> MqttOptions:
    options = MqttOptions.parse({"url": f"mqtt://127.0.0.1:{broker.tcp}", **raw})
    return options.succeed(former) if former is not None else options


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("group", ["", "members"])
def test_a_filter_that_is_removed_is_given_up_in_the_kept_session(
    broker: Ports, version: str, group: str
) -> None:
    name = f"filters-{version}-{group}"
    more = {"version": version, "shared_group": group}

    async def scene() -> None:
        first = _options(broker, topics=["old/#", f"{name}/#"], **more)
        async with running(MqttDriver(first, connection_id=1, client_id=name)):
            pass
        second = _options(broker, first, topics=["new/#", f"{name}/#"], **more)
        third = _options(broker, second, topics=[f"{name}/#"], **more)
        assert len(third.former_filters) == 2
        async with running(MqttDriver(third, connection_id=1, client_id=name)) as outlet:
            await publish(broker, b'{"a":1}', "old/press")
            await publish(broker, b'{"a":2}', "new/press")
            await publish(broker, b'{"a":3}', f"{name}/press")
            await until(lambda: outlet.blocks, "the topic that is kept")
            await asyncio.sleep(0.3)
            assert [block.values for block in outlet.blocks] == [[3]]
        # Wanted again, it is subscribed again.
        fourth = _options(broker, third, topics=["old/#"], **more)
        assert f"{name}/#" in fourth.former_filters[0]
        async with running(MqttDriver(fourth, connection_id=1, client_id=name)) as outlet:
            await publish(broker, b'{"a":4}', "old/press")
            await until(lambda: outlet.blocks, "the topic that is wanted again")

    asyncio.run(scene())


def test_another_quality_of_service_holds_in_the_kept_session(broker: Ports) -> None:
    async def scene() -> None:
        options = _options(broker, topics=["qos/#"], qos=0)
        async with running(MqttDriver(options, connection_id=1, client_id="qos")) as outlet:
            await publish(broker, b'{"a":1}', "qos/press")
            await until(lambda: outlet.blocks, "the message without a promise")
            assert outlet.blocks[0].receipt is None
        options = _options(broker, options, topics=["qos/#"], qos=1)
        async with running(MqttDriver(options, connection_id=1, client_id="qos")) as outlet:
            await publish(broker, b'{"a":2}', "qos/press")
            await until(lambda: outlet.blocks, "the message with one")
            assert outlet.blocks[-1].receipt is not None

    asyncio.run(scene())
