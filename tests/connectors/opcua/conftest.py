"""Servers to test against, each in a process of its own, and an outlet that keeps what it gets."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from connectors.contract import BindingSpec, ConnectorError, ReadingBlock, Undecodable
from connectors.opcua.driver import OpcUaDriver
from connectors.opcua.options import OpcUaOptions
from forgeline.embedded.service import free_port

ROOT = Path(__file__).parents[3]
PRESS = "nsu=urn:forgeline:test:plant;s="


@dataclass
class Plant:
    """The server of plant_server.py, to be stopped, killed and started again on the same port."""

    port: int
    arguments: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None

    @property
    def endpoint(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}/plant"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.connectors.opcua.plant_server", str(self.port), *self.arguments],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._expect("ready")

    def tell(self, **order: Any) -> None:
        """Give an order and wait until it is done."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        self._expect("done")

    def _expect(self, word: str) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert word in line, f"the server said {line!r}"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            self.process = None


@pytest.fixture
def make_plant() -> Iterator[Callable[..., Plant]]:
    """Start a server with these arguments."""
    made: list[Plant] = []

    def make(*arguments: str) -> Plant:
        plant = Plant(free_port(), list(arguments))
        made.append(plant)
        plant.start()
        return plant

    yield make
    for plant in made:
        plant.kill()


def write_server_certificate(folder: Path, name: str = "plant server") -> str:
    """Write server.der and server.pem; return the fingerprint."""
    folder.mkdir(parents=True, exist_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier("urn:freeopcua:python:server")]),
            False,
        )
        .sign(key, hashes.SHA256())
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    (folder / "server.der").write_bytes(der)
    (folder / "server.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return hashlib.sha256(der).hexdigest()


@dataclass
class Basket:
    """An outlet that keeps everything."""

    blocks: list[ReadingBlock] = field(default_factory=list)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refused: list[Undecodable] = field(default_factory=list)
    measures: dict[str, float] = field(default_factory=dict)

    async def put(self, block: ReadingBlock) -> None:
        assert len(block.addresses) == len(block.values) == len(block.ts_us)
        self.blocks.append(block)

    def offer(self, block: ReadingBlock) -> bool:
        self.blocks.append(block)
        return True

    def refuse(self, undecodable: Undecodable, receipt: Any = None) -> None:
        self.refused.append(undecodable)

    def report(self, event: str, **facts: Any) -> None:
        self.events.append((event, facts))

    def measure(self, name: str, value: float) -> None:
        self.measures[name] = value

    def rows(self, name: str) -> list[tuple[Any, int | None, int, int, int]]:
        """Value, time, quality, status and flags of every reading of one node of the press."""
        return [
            (
                block.values[row],
                block.ts_us[row],
                block.quality[row] if block.quality else 0,
                block.status[row] if block.status else 0,
                block.flags[row] if block.flags else 0,
            )
            for block in self.blocks
            for row, address in enumerate(block.addresses)
            if address == PRESS + name or address == name
        ]

    def values(self, name: str) -> list[Any]:
        return [row[0] for row in self.rows(name)]

    def facts(self, event: str) -> list[dict[str, Any]]:
        return [facts for name, facts in self.events if name == event]


async def until(condition: Callable[[], Any], timeout_s: float = 20.0) -> None:
    """Wait until something is so; fail after the time-out."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


def bind(*names: str, **extra: Any) -> list[BindingSpec]:
    return [
        BindingSpec(address=name if "=" in name else PRESS + name, point_id=number, **extra)
        for number, name in enumerate(names, 1)
    ]


def make_driver(endpoint: str, folder: Path, **options: Any) -> OpcUaDriver:
    raw = {"endpoint": endpoint, "publishing_interval_ms": 50, "sampling_interval_ms": 20, **options}
    return OpcUaDriver(OpcUaOptions.parse(raw), connection_id=1, client_id="forgeline-1", folder=folder)


@contextlib.asynccontextmanager
async def running(
    driver: OpcUaDriver, basket: Basket, bindings: list[BindingSpec]
) -> AsyncIterator[asyncio.Task[None]]:
    """Run a driver in the background and cancel it at the end."""
    task = asyncio.create_task(driver.run(basket, bindings))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectorError):
            await task
