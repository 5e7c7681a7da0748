"""The driver against a server of another make (node-opcua): policies, users, limits, continuation points, history."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.contract import PermanentError
from connectors.opcua.session import open_session
from forgeline.telemetry.sample import SampleFlag
from tests.connectors.opcua import foreign
from tests.connectors.opcua.conftest import Basket, bind, free_port, make_driver, running, until
from tests.services.requirement import skip_or_fail


@dataclass
class Cell:
    endpoint: str
    fingerprint: str
    namespace: str

    def address(self, name: str) -> str:
        return f"nsu={self.namespace};s={name}"


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    modules, reason = foreign.install()
    skip_or_fail("foreign_opcua", reason)
    assert modules is not None
    port = free_port()
    process, said = foreign.start(modules, port, tmp_path_factory.mktemp("pki"))
    try:
        yield Cell(f"opc.tcp://127.0.0.1:{port}", said["fingerprint"], said["namespace"])
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"])
@pytest.mark.parametrize("mode", ["Sign", "SignAndEncrypt"])
def test_every_policy_brings_values(cell: Cell, tmp_path: Path, policy: str, mode: str) -> None:
    basket = Basket()

    async def work() -> None:
        driver = make_driver(
            cell.endpoint, tmp_path, security_policy=policy, security_mode=mode, server_fingerprint=cell.fingerprint,
            identity="user", user="operator", password="secret",
        )  # fmt: skip
        async with running(driver, basket, bind(cell.address("Temperature"))) as task:
            await until(lambda: basket.values(cell.address("Temperature")) or task.done())
            if task.done():
                task.result()
        assert basket.values(cell.address("Temperature"))[0] == 21.5

    asyncio.run(work())


def test_a_wrong_password_is_permanent(cell: Cell, tmp_path: Path) -> None:
    driver = make_driver(
        cell.endpoint, tmp_path, security_policy="Aes256_Sha256_RsaPss", server_fingerprint=cell.fingerprint,
        identity="user", user="operator", password="wrong",
    )  # fmt: skip
    with pytest.raises(PermanentError) as refused:
        asyncio.run(driver.run(Basket(), []))
    assert refused.value.key == "opcua.sign_in_refused"


def test_limits_are_respected_and_every_change_arrives(cell: Cell, tmp_path: Path) -> None:
    basket = Basket()
    tags = [cell.address(f"Tag{number}") for number in range(90)]

    async def work() -> None:
        driver = make_driver(cell.endpoint, tmp_path, queue_size=100)
        async with open_session(driver.options, name="limits") as session:
            assert session.limits.items_per_call == 20
            assert session.limits.nodes_per_read == 50
        async with running(driver, basket, bind(cell.address("Counter"), *tags, cell.address("Missing"))):
            await until(lambda: all(basket.values(tag) for tag in tags))
            await until(lambda: len(basket.values(cell.address("Counter"))) > 30)
        counted = basket.values(cell.address("Counter"))
        assert counted == list(range(counted[0], counted[0] + len(counted)))
        [bad] = basket.facts("node_bad")
        assert bad["addresses"] == [cell.address("Missing")]
        assert bad["status"] == "BadNodeIdUnknown"
        assert not basket.facts("notification_lost")

    asyncio.run(work())


def test_history_fills_the_gap_of_an_absence(cell: Cell, tmp_path: Path) -> None:
    driver = make_driver(cell.endpoint, tmp_path, queue_size=100)
    before, after = Basket(), Basket()
    counter = cell.address("Counter")

    async def work() -> None:
        async with running(driver, before, bind(counter)):
            await until(lambda: len(before.values(counter)) > 10)
        await asyncio.sleep(2)
        async with running(driver, after, bind(counter)):
            await until(lambda: after.facts("backfilled"))
            await until(lambda: any(not row[4] for row in after.rows(counter)))
        replayed = [row[0] for row in after.rows(counter) if row[4] & SampleFlag.REPLAYED]
        live = [row[0] for row in after.rows(counter) if not row[4]]
        last = before.values(counter)[-1]
        assert replayed[0] == last + 1
        assert replayed == list(range(replayed[0], replayed[0] + len(replayed)))
        assert live[0] <= replayed[-1] + 1

    asyncio.run(work())


def test_browse_follows_continuation_points_and_shows_units(cell: Cell, tmp_path: Path) -> None:
    async def work() -> None:
        driver = make_driver(cell.endpoint, tmp_path)
        names: list[str] = []
        after = None
        while page := await driver.browse(cell.address("Many"), limit=400, after=after):
            names += [node.name for node in page]
            after = page[-1].address
        assert names == [f"Tag{number}" for number in range(1500)]
        nodes = {node.name: node for node in await driver.browse(cell.address("Cell"))}
        assert nodes["Temperature"].unit == "°C"
        assert nodes["Temperature"].data_type == "Double"
        assert nodes["Counter"].data_type == "UInt32"

    asyncio.run(work())


def test_polling_respects_the_read_limit(cell: Cell, tmp_path: Path) -> None:
    basket = Basket()
    tags = [cell.address(f"Tag{number}") for number in range(120)]

    async def work() -> None:
        driver = make_driver(cell.endpoint, tmp_path, mode="poll", poll_interval_s=0.1)
        async with running(driver, basket, bind(*tags)):
            await until(lambda: all(basket.values(tag) for tag in tags))

    asyncio.run(work())
