"""The real web server with its sockets, and a browser before it. Values come by HTTP, as from a device."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import override_settings

from forgeline.embedded.service import free_port
from tests.conftest import Company
from tests.demoplant.house import ROOT, until

PASSWORD = "a-long-password"


class Web:
    """The web server as a process, on a port that it keeps when it is started again."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._environment, self._log = dict(environment), log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = ["-m", "uvicorn", "forgeline.conf.asgi:application", "--port", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *words], env=self._environment, cwd=ROOT, stdout=log, stderr=log
            )
        until(self._answers)

    def kill(self) -> None:
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait(20)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/healthz", timeout=2, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


@dataclass(frozen=True, slots=True)
class Sender:
    """A device that speaks HTTP."""

    address: str
    key: str

    def send(self, point: int, value: float, *, ts_ms: int | None = None) -> None:
        body = {"point": [point], "ts": [ts_ms or time.time_ns() // 1_000_000], "value": [value]}
        answer = httpx.post(
            f"{self.address}/api/v1/samples/",
            json=body,
            headers={"Authorization": f"Bearer {self.key}"},
            trust_env=False,
        )
        answer.raise_for_status()


@pytest.fixture
def web(live_db: None, child_environment: dict[str, str], tmp_path: Path) -> Iterator[Web]:
    # The front-end parts that `make test` brought.
    (tmp_path / "var").mkdir(exist_ok=True)
    (tmp_path / "var/assets").symlink_to(ROOT / "var/assets")
    server = Web(child_environment, tmp_path / "web.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Any]:
    """A browser for one file: a second playwright in this process, such as the connectors' tests', refuses to start."""
    from playwright.sync_api import sync_playwright

    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright's loop runs in the test's own thread, where Django would refuse to ask the database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        started = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Any, web: Web) -> Iterator[Callable[..., Any]]:
    """``open_page(width=…, locale=…, theme=…)`` → a page of a browser of its own, which tells what went wrong."""
    contexts: list[Any] = []

    def opened(*, width: int = 1280, height: int = 800, locale: str = "en-GB", theme: str = "light") -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            locale=locale,
            color_scheme=theme,
            base_url=web.address,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.faults = []
        page.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on(
            "request",
            lambda asked: page.faults.append(f"asks {asked.url}") if _is_foreign(asked.url, web) else None,
        )
        return page

    yield opened
    for context in contexts:
        context.close()


def _is_foreign(url: str, web: Web) -> bool:
    return not url.startswith((web.address, web.address.replace("http", "ws", 1), "data:", "blob:"))


@dataclass(frozen=True, slots=True)
class Floor:
    """A plant with a press that has points by its profile."""

    company: Company
    site_id: int
    machine_id: int
    points: dict[str, int]


@pytest.fixture
def floor(live_company: Company) -> Floor:
    from forgeline.assets import services
    from forgeline.assets.models import Point
    from forgeline.tenancy.scoping import tenant_scope

    with tenant_scope(live_company.tenant_id):
        site = services.create_site(name="Works", names={"zh-hans": "工厂"}, zone="Asia/Shanghai")
        services.use_pattern(site_id=site.pk, pattern="3x8")
        line = services.create_asset(
            site_id=site.pk, level="line", name="Line 1", names={"zh-hans": "一号线"}
        )
        machine = services.create_asset(
            site_id=site.pk, parent_id=line.pk, level="work_unit", name="Press 7",
            names={"zh-hans": "7 号压力机"}, profile="press", with_points=True,
        )  # fmt: skip
        points = dict(Point.objects.filter(asset=machine).values_list("key", "pk"))
    _set_real_passwords(live_company)
    return Floor(live_company, site.pk, machine.pk, points)


def _set_real_passwords(company: Company) -> None:
    """The server is another process: it knows nothing of the tests' cheap hasher."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.Argon2PasswordHasher"]):
        for person in (company.manager, company.viewer):
            person.set_password(PASSWORD)
            person.save(update_fields=["password"])


@pytest.fixture
def sender(web: Web, floor: Floor) -> Sender:
    return Sender(web.address, floor.company.manager_key)


def sign_in(page: Any, email: str) -> None:
    page.goto("/sign-in/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/sign-in/" not in url)
