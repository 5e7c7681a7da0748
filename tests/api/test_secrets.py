"""No secret leaves by a log, a metric, /readyz, an error, a page or a list: each is used, then searched for."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Company
from tests.demoplant.house import running_web

PAGES = (
    "/", "/setup/", "/company/keys/", "/company/history/", "/connectors/", "/healthz", "/readyz", "/metrics",
)  # fmt: skip
LISTS = ("me", "plants", "assets", "devices", "points", "connections", "api-keys", "waiting-devices")


@dataclass
class Haul:
    """What was said in the hearing of others, and what none of it may hold."""

    answers: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def keep(self, what: str, answer: httpx.Response) -> httpx.Response:
        self.answers[f"{what} ({len(self.answers)})"] = f"{answer.headers}\n{answer.text}"
        return answer

    def found(self) -> list[tuple[str, str]]:
        return [
            (name, where)
            for name, secret in self.secrets.items()
            for where, text in self.answers.items()
            if secret in text
        ]


@pytest.fixture
def environment(child_environment: dict[str, str]) -> dict[str, str]:
    return child_environment | {"FORGELINE_LOG_LEVEL": "DEBUG", "FORGELINE_LOG_FORMAT": "json"}


@pytest.fixture
def web(live_company: Company, environment: dict[str, str], tmp_path: Path, settings: Any) -> Iterator[str]:
    # The server knows only the product's own hashers, not the quick one of the tests.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    live_company.manager.set_password("a-long-password")
    live_company.manager.save()
    with running_web(environment, tmp_path / "web.log") as address:
        yield address


def _private_key() -> str:
    made = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return made.stdout


def _sign_in(page: httpx.Client, address: str, fields: dict[str, str]) -> httpx.Response:
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.get(address).text)
    assert token
    return page.post(
        address, data={**fields, "csrfmiddlewaretoken": token.group(1)}, headers={"Referer": address}
    )


def _people(web: str, haul: Haul) -> httpx.Client:
    haul.secrets |= {"wrong password": "Wrong-Sesame-771", "password": "a-long-password"}
    page = httpx.Client(base_url=web, timeout=60)
    for password in (haul.secrets["wrong password"], haul.secrets["password"]):
        fields = {"login": "alice@example.com", "password": password}
        haul.keep("sign-in", _sign_in(page, "/sign-in/", fields))
    assert page.get("/").status_code == 200
    haul.keep(
        "reset",
        _sign_in(httpx.Client(base_url=web, timeout=60), "/password/", {"email": "alice@example.com"}),
    )
    haul.secrets["session"] = page.cookies["sessionid"]
    return page


def _programs(web: str, company: Company, haul: Haul) -> httpx.Client:
    """Use everything over REST that carries a secret; the answer that shows one for the only time isn't kept."""
    client = httpx.Client(
        base_url=f"{web}/api/v1", headers={"Authorization": f"Bearer {company.manager_key}"}, timeout=60
    )
    haul.secrets |= {
        "manager's key": company.manager_key, "unknown key": "fl_unknown-but-typed-by-somebody-42",
        "broker password": "Broker-Sesame-772", "test password": "Tested-Sesame-773",
        "refused password": "Refused-Sesame-774", "user in an address": "Address-Sesame-775",
    }  # fmt: skip
    haul.keep("no key", httpx.get(f"{web}/api/v1/me/", headers={"X-API-Key": haul.secrets["unknown key"]}))
    made = client.post("/api-keys/", json={"name": "robot", "role": "viewer"}).json()
    haul.secrets["new key"] = made["key"]
    device = client.post("/devices/", json={"key": "meter-1"}).json()
    haul.secrets["device password"] = client.post(f"/devices/{device['id']}/credentials/").json()["password"]
    haul.keep("credentials", client.get(f"/devices/{device['id']}/credentials/"))

    private = _private_key()
    haul.secrets["client key"] = private.splitlines()[1]
    options: dict[str, Any] = {
        "url": "mqtts://127.0.0.1:1", "username": "me", "password": haul.secrets["broker password"],
        "client_certificate": "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----", "client_key": private,
    }  # fmt: skip
    answer = haul.keep(
        "made", client.post("/connections/", json={"kind": "mqtt", "name": "B", "options": options})
    )
    assert answer.status_code == 201, answer.text
    connection = answer.json()["id"]
    tested = options | {"password": haul.secrets["test password"]}
    for body in (tested, options | {"url": f"mqtt://me:{haul.secrets['user in an address']}@host:1"}):
        haul.keep("test", client.post("/connections/test/", json={"kind": "mqtt", "options": body}))
    refused = options | {"password": haul.secrets["refused password"], "qos": 9}
    for kind in ("mqtt", "opcua", "nonsense"):
        body = {"kind": kind, "name": "C", "options": refused}
        assert haul.keep("refused", client.post("/connections/", json=body)).status_code in {400, 404}
    broken = '{"password": "' + haul.secrets["refused password"] + '", NaN'
    headers = {"Content-Type": "application/json"}
    haul.keep("broken", client.post("/connections/", content=broken, headers=headers))
    haul.keep("one", client.get(f"/connections/{connection}/"))
    for name in LISTS:
        haul.keep(name, client.get(f"/{name}/"))
    haul.answers["page of"] = str(connection)
    return client


def test_no_secret_stands_where_others_read(
    web: str, live_company: Company, environment: dict[str, str], tmp_path: Path
) -> None:
    haul = Haul()
    page = _people(web, haul)
    _programs(web, live_company, haul)
    number = haul.answers.pop("page of")
    cookieless = {}
    for path in (*PAGES, f"/connectors/{number}/"):
        answer = page.get(path)
        assert answer.status_code in {200, 503}, (path, answer.status_code)
        cookieless[path] = answer.text
    haul.answers |= cookieless
    letters = [path.read_text() for path in (Path(environment["FORGELINE_VAR"]) / "mail").glob("*")]
    link = re.search(r"/password/[^/]+/([^/\s]+)/", "".join(letters))
    assert link, "the letter of the reset was not written"
    haul.secrets["reset link"] = link.group(1)
    # Mistyped, so that the log names the address.
    assert page.get(f"/password/MQ/{link.group(1)}/x/").status_code == 404
    for name, value in environment.items():
        if re.search(r"PASSWORD$|SECRET_KEY$", name) and value:
            haul.secrets[name] = value
    haul.answers["log"] = (tmp_path / "web.log").read_text()
    assert "/password/MQ/" in haul.answers["log"], "the log was not captured"
    # A browser gets its own session in its own cookie, at sign-in alone.
    found = [each for each in haul.found() if not (each[0] == "session" and each[1].startswith("sign-in"))]
    assert found == []
