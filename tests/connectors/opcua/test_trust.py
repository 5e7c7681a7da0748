"""Who is trusted: the server's certificate pinned by a person, ours made once, users, policies, test before save."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connectors.contract import CheckStep, ConnectorError, OptionsError, PermanentError
from connectors.opcua.certificates import get_identity
from connectors.opcua.options import OpcUaOptions
from tests.connectors.opcua.conftest import (
    Basket,
    Plant,
    bind,
    free_port,
    make_driver,
    running,
    until,
    write_server_certificate,
)

MakePlant = Callable[..., Plant]
SECURE = {"security_policy": "Basic256Sha256", "security_mode": "SignAndEncrypt"}


def check(endpoint: str, folder: Path, **options: object) -> dict[str, CheckStep]:
    return {step.name: step for step in asyncio.run(make_driver(endpoint, folder, **options).check())}


@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"])
@pytest.mark.parametrize("mode", ["Sign", "SignAndEncrypt"])
def test_every_policy_brings_values(make_plant: MakePlant, tmp_path: Path, policy: str, mode: str) -> None:
    fingerprint = write_server_certificate(tmp_path / "server")
    plant, basket = make_plant("--certificate", str(tmp_path / "server")), Basket()

    async def work() -> None:
        driver = make_driver(
            plant.endpoint,
            tmp_path,
            security_policy=policy,
            security_mode=mode,
            server_fingerprint=fingerprint,
        )
        async with running(driver, basket, bind("Speed")) as task:
            await until(lambda: basket.values("Speed") or task.done())
        assert basket.values("Speed") == [1.5]
        assert basket.facts("connected")[0]["certificate_expires"]

    asyncio.run(work())


def test_a_certificate_is_trusted_once_and_then_pinned(make_plant: MakePlant, tmp_path: Path) -> None:
    fingerprint = write_server_certificate(tmp_path / "server", "the press")
    plant = make_plant("--certificate", str(tmp_path / "server"))
    step = check(plant.endpoint, tmp_path, **SECURE)["certificate"]
    assert not step.ok
    assert step.data["key"] == "opcua.untrusted_certificate"
    assert step.data["fingerprint"] == fingerprint
    assert step.data["subject"] == "CN=the press"

    steps = check(plant.endpoint, tmp_path, server_fingerprint=fingerprint, **SECURE)
    assert [name for name, each in steps.items() if each.ok] == [
        "reach", "own_certificate", "certificate", "sign_in", "read",
    ]  # fmt: skip
    assert steps["own_certificate"].data["not_after"] > "2030"

    plant.kill()
    write_server_certificate(tmp_path / "server", "somebody else")
    plant.start()
    driver = make_driver(plant.endpoint, tmp_path, server_fingerprint=fingerprint, **SECURE)
    with pytest.raises(PermanentError) as refused:
        asyncio.run(driver.run(Basket(), bind("Speed")))
    assert refused.value.key == "opcua.untrusted_certificate"
    assert "somebody else" in refused.value.message


def test_a_wrong_password_waits_for_a_person(make_plant: MakePlant, tmp_path: Path) -> None:
    fingerprint = write_server_certificate(tmp_path / "server")
    plant = make_plant("--certificate", str(tmp_path / "server"))
    secure = {**SECURE, "server_fingerprint": fingerprint, "identity": "user", "user": "operator"}
    steps = check(plant.endpoint, tmp_path, password="secret", **secure)
    assert steps["read"].ok
    driver = make_driver(plant.endpoint, tmp_path, password="wrong", **secure)
    with pytest.raises(PermanentError) as refused:
        asyncio.run(driver.run(Basket(), bind("Speed")))
    assert refused.value.key == "opcua.sign_in_refused"
    assert "wrong" not in str(refused.value)
    assert "wrong" not in repr(driver.options)


def test_a_policy_that_isnt_offered_is_told_with_those_that_are(
    make_plant: MakePlant, tmp_path: Path
) -> None:
    plant = make_plant()
    step = check(plant.endpoint, tmp_path, **SECURE)["security"]
    assert not step.ok
    assert "Basic256Sha256/SignAndEncrypt" in step.detail
    assert "offers: None" in step.detail


def test_no_server_is_told_in_a_sentence(tmp_path: Path) -> None:
    step = check(f"opc.tcp://127.0.0.1:{free_port()}", tmp_path)["reach"]
    assert not step.ok
    assert step.data["key"] == "opcua.refused"
    step = check("opc.tcp://no-such-host.invalid:4840", tmp_path)["reach"]
    assert step.data["key"] == "opcua.unknown_host"


def test_a_server_that_accepts_and_is_silent_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        silent = await asyncio.start_server(lambda reader, writer: asyncio.sleep(5), "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        driver = make_driver(f"opc.tcp://127.0.0.1:{port}", tmp_path, timeout_s=1)
        with pytest.raises(ConnectorError) as error:
            await driver.run(Basket(), bind("Speed"))
        assert error.value.key == "opcua.no_answer"
        silent.close()

    asyncio.run(work())


def test_our_certificate_is_made_once_by_whoever_comes_first(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: get_identity(tmp_path / "opcua"), range(8)))
    assert len({identity.facts.fingerprint for identity in made}) == 1
    path = tmp_path / "opcua" / "application.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made[0].application_uri.startswith("urn:forgeline:connectors:")
    assert (tmp_path / "opcua" / "application.der").read_bytes() == made[0].certificate_der


def test_options_tell_every_fault_at_once() -> None:
    with pytest.raises(OptionsError) as faults:
        OpcUaOptions.parse({"endpoint": "http://x", "identity": "user", "server_fingerprint": "zz"})
    assert set(faults.value.faults) == {"endpoint", "user", "security_policy", "server_fingerprint"}
    with pytest.raises(OptionsError) as faults:
        OpcUaOptions.parse({"endpoint": "opc.tcp://me:secret@host"})
    assert set(faults.value.faults) == {"endpoint"}
