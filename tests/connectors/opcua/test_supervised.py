"""A supervised connection to a real server: maps that change early, certificates of users, another server's trust."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from connectors.contract import BindingSpec, ConnectionState, PermanentError
from connectors.runtime.accounts import Accounts
from connectors.runtime.counters import Counters
from connectors.runtime.fleet import Fleet, Plan
from connectors.runtime.pipeline import Pipeline
from connectors.runtime.spool import Spool
from connectors.runtime.writer import Writer
from tests.connectors.opcua.conftest import (
    Basket,
    Plant,
    bind,
    make_driver,
    running,
    until,
    write_server_certificate,
)
from tests.connectors.runtime.recording import RecordingSink

MakePlant = Callable[..., Plant]
SECURE = {"security_policy": "Basic256Sha256", "security_mode": "SignAndEncrypt"}


class Floor:
    """A fleet with a writer and a sink that records."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sink = RecordingSink()
        self.pipeline = Pipeline(age_s=0.01)
        spool = Spool(folder / "spool", limit_bytes=1_000_000)
        self.writer = Writer(self.pipeline, self.sink, [spool], Accounts(self.pipeline.routes))
        self.fleet = Fleet(self.pipeline)
        self.counters = Counters(connection_id=1)

    def plan(self, endpoint: str, bindings: list[BindingSpec], **options: object) -> Plan:
        make = functools.partial(make_driver, endpoint, self.folder, **options)
        return Plan("connection:1", repr(options), make, bindings, self.counters)

    @property
    def state(self) -> ConnectionState:
        return self.fleet.running["connection:1"].state

    def points(self) -> set[int]:
        return {row[0] for row in self.sink.rows}


@contextlib.asynccontextmanager
async def floor(folder: Path) -> AsyncIterator[Floor]:
    made = Floor(folder)
    made.writer.start()
    try:
        yield made
    finally:
        await made.fleet.stop_all()
        made.writer.stop(timeout_s=5)


def test_a_map_that_changes_while_the_connection_starts_is_followed(
    make_plant: MakePlant, tmp_path: Path
) -> None:
    plant = make_plant()

    async def work() -> None:
        for steps in (0, 1, 5, 20, 60):
            async with floor(tmp_path / str(steps)) as made:
                await made.fleet.apply(made.plan(plant.endpoint, bind("Speed")))
                # At another point of the start each time: a few turns of the loop, each some waiting for the server.
                for _ in range(steps):
                    await asyncio.sleep(0.001)
                await made.fleet.apply(made.plan(plant.endpoint, bind("Speed", "Count", "Static")))
                await until(lambda made=made: made.points() == {1, 2, 3}, 5)  # type: ignore[misc]

    asyncio.run(work())


def test_another_certificate_of_the_server_stops_the_connection_until_a_person_trusts_it(
    make_plant: MakePlant, tmp_path: Path
) -> None:
    first = write_server_certificate(tmp_path / "server")
    plant = make_plant("--certificate", str(tmp_path / "server"))

    async def work() -> None:
        async with floor(tmp_path) as made:
            options = {**SECURE, "keep_alive_s": 1, "timeout_s": 3}
            await made.fleet.apply(
                made.plan(plant.endpoint, bind("Speed"), server_fingerprint=first, **options)
            )
            await until(lambda: made.points() == {1})
            plant.kill()
            second = write_server_certificate(tmp_path / "server", "renewed")
            plant.start()
            await until(lambda: made.state == ConnectionState.FAULTED, 40)
            told = made.fleet.running["connection:1"].fault
            assert told is not None
            assert told.key == "opcua.untrusted_certificate"
            assert told.data["fingerprint"] == second
            before = len(made.sink.rows)
            await asyncio.sleep(2)
            assert (made.state, len(made.sink.rows)) == (ConnectionState.FAULTED, before)
            await made.fleet.apply(
                made.plan(plant.endpoint, bind("Speed"), server_fingerprint=second, **options)
            )
            await until(lambda: made.state == ConnectionState.RUNNING and len(made.sink.rows) > before)

    asyncio.run(work())


@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"])
def test_a_user_signs_in_by_certificate(make_plant: MakePlant, tmp_path: Path, policy: str) -> None:
    fingerprint = write_server_certificate(tmp_path / "server")
    for name in ("operator", "stranger"):
        write_server_certificate(tmp_path / name, name)
    plant = make_plant(
        "--certificate", str(tmp_path / "server"),
        "--user-certificate", str(tmp_path / "operator" / "server.der"),
    )  # fmt: skip

    def options(name: str) -> dict[str, str]:
        certificate = x509.load_der_x509_certificate((tmp_path / name / "server.der").read_bytes())
        return {
            "security_policy": policy, "security_mode": "SignAndEncrypt", "server_fingerprint": fingerprint,
            "identity": "certificate",
            "user_certificate": certificate.public_bytes(serialization.Encoding.PEM).decode(),
            "user_key": (tmp_path / name / "server.pem").read_text(),
        }  # fmt: skip

    async def work() -> None:
        basket = Basket()
        async with running(
            make_driver(plant.endpoint, tmp_path, **options("operator")), basket, bind("Speed")
        ):
            await until(lambda: basket.values("Speed"))
        with pytest.raises(PermanentError) as refused:
            await make_driver(plant.endpoint, tmp_path, **options("stranger")).run(Basket(), bind("Speed"))
        assert refused.value.key == "opcua.sign_in_refused"
        # A key that belongs to another certificate proves nothing.
        mixed = {**options("operator"), "user_key": options("stranger")["user_key"]}
        with pytest.raises(PermanentError) as unproven:
            await make_driver(plant.endpoint, tmp_path, **mixed).run(Basket(), bind("Speed"))
        assert unproven.value.key == "opcua.sign_in_refused"
        garbage = {
            **options("operator"),
            "user_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        }
        with pytest.raises(PermanentError) as unreadable:
            await make_driver(plant.endpoint, tmp_path, **garbage).run(Basket(), bind("Speed"))
        assert unreadable.value.key == "opcua.bad_user_certificate"

    asyncio.run(work())
