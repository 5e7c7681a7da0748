"""docker-compose.yml is valid, hardened, and names nothing that the project does not have."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from django.core.management import get_commands

from forgeline.conf.env import SETTINGS
from tests.deploy.compose import COMPOSE_FILE, ROOT, own_services, read_compose, services, words

COMPOSE_ONLY = {"FORGELINE_HOST"}
"""Variables of the compose file itself; everything else that begins with FORGELINE_ is a setting."""


def test_it_follows_the_compose_schema() -> None:
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "check_jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
            str(COMPOSE_FILE),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_everything_that_production_needs_is_there() -> None:
    wanted = {
        "timescaledb", "valkey", "mosquitto", "migrate", "web", "worker", "models", "beat", "connectors", "proxy",
    }  # fmt: skip
    assert wanted <= set(services())


def test_every_setting_in_it_exists() -> None:
    known = {setting.name for setting in SETTINGS}
    known |= {f"{setting.name}_FILE" for setting in SETTINGS if setting.kind == "secret"}
    named = set(re.findall(r"FORGELINE_[A-Z_]+", COMPOSE_FILE.read_text(encoding="utf-8")))
    assert named - COMPOSE_ONLY - known == set()


@pytest.mark.parametrize("file", ["docker-compose.yml", "platform/Dockerfile"])
def test_every_management_command_exists(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    named = set(re.findall(r"manage\.py[\s,]+([a-z_]+)", text))
    assert named
    assert named - set(get_commands()) == set()


def test_every_program_and_application_exists() -> None:
    """What our own image is told to run is installed by requirements/base.txt and can be imported."""
    locked = (ROOT / "requirements/base.txt").read_text(encoding="utf-8")
    for name, service in own_services().items():
        command = words(service.get("command"))
        program = command[0]
        assert program in {"python", "sh"} or re.search(rf"^{program}==", locked, re.MULTILINE), name
        for module, attribute in re.findall(r"(forgeline(?:\.\w+)+):(\w+)", " ".join(command)):
            assert hasattr(import_module(module), attribute), f"{name} runs {module}:{attribute}"


def test_every_path_in_it_exists_or_is_made_by_make_secrets() -> None:
    made = (ROOT / "platform/deploy/make-secrets").read_text(encoding="utf-8")
    for name, secret in read_compose()["secrets"].items():
        path = Path(secret["file"])
        assert path.parent == Path("var/compose"), name
        assert re.search(rf"\b{path.name}\b", made), f"make-secrets makes no {path.name}"
    for name, service in services().items():
        build = service.get("build", {})
        for path in filter(None, (build.get("context"), build.get("dockerfile"))):
            assert (ROOT / path).exists(), f"{name}: {path}"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).is_file(), f"{name}: {source}"
            else:
                assert source in read_compose()["volumes"], f"{name}: {source}"


def test_every_secret_is_read_where_it_is_given_and_given_where_it_is_read() -> None:
    for name, service in services().items():
        given = set(service.get("secrets", []))
        assert given <= set(read_compose()["secrets"]), name
        text = " ".join(words(service.get("command")))
        text += " ".join(str(value) for value in (service.get("environment") or {}).values())
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                text += (ROOT / source).read_text(encoding="utf-8")
        read = set(re.findall(r"/run/secrets/(\w+)", text))
        assert read == given, name


def test_no_password_stands_in_it() -> None:
    text = COMPOSE_FILE.read_text(encoding="utf-8")
    assert not re.search(r"://[^/\s:@]*:[^/\s@$]+@", text)
    for name, service in services().items():
        for variable, value in (service.get("environment") or {}).items():
            secret = re.search(r"PASSWORD|SECRET|TOKEN", variable)
            assert not secret or str(value).startswith("/run/secrets/"), f"{name}: {variable}"


@pytest.mark.parametrize("name", sorted(services()))
def test_every_service_is_hardened_and_watched(name: str) -> None:
    service = services()[name]
    user = str(service.get("user", "0")).split(":")[0]
    assert re.fullmatch(r"[1-9]\d*", user), "runs as root"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service.get("privileged") is None
    if name != "migrate":
        assert service["healthcheck"]["test"]
        assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(services()))
def test_every_image_is_pinned(name: str) -> None:
    image = services()[name]["image"]
    if image.endswith(":local"):
        assert services()[name]["build"]
    else:
        assert re.search(r":\d+\.\d+\.\d+", image), image


def test_the_image_is_built_from_pinned_bases_and_hashed_packages() -> None:
    text = (ROOT / "platform/Dockerfile").read_text(encoding="utf-8")
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert bases
    assert all(re.search(r":\d+\.\d+\.\d+", base) for base in bases)
    assert "--require-hashes" in text
    assert "npm ci" in text
    assert re.search(r"^USER (?!root|0)", text, re.MULTILINE)
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for path in source.split():
            assert (ROOT / path).exists(), path


def test_only_tls_is_open_to_the_outside() -> None:
    published = {
        name: [str(port).rsplit(":", 1)[-1] for port in service["ports"]]
        for name, service in services().items()
        if service.get("ports")
    }
    # 8080 redirects to HTTPS and answers the certificate authority.
    assert published == {"proxy": ["8080", "8443", "8443/udp"], "mosquitto": ["8883"]}
    assert read_compose()["networks"]["inner"]["internal"] is True
    for name in ("timescaledb", "valkey"):
        assert services()[name]["networks"] == ["inner"]
