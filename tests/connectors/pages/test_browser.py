"""The forms and the tree in a real browser: trust a certificate, save, unfold, tick, bind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.test import Client
from django.test.testcases import LiveServerThread

from forgeline.assets import services as plant
from forgeline.assets.models import Point
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.connectors.opcua.conftest import Plant, write_server_certificate

pytestmark = pytest.mark.browser


@pytest.fixture
def live_url(live_company: Company, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The pages, served by a thread of this process on a free port."""
    # Playwright's loop runs in the test's own thread, where Django would refuse to ask the database.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    thread = LiveServerThread("127.0.0.1", StaticFilesHandler)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    assert thread.error is None
    yield f"http://127.0.0.1:{thread.port}"
    thread.terminate()


@pytest.fixture
def page(chromium: Path) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def test_from_a_server_to_points_by_hand(
    live_company: Company,
    live_url: str,
    page: Any,
    make_plant: Callable[..., Plant],
    sign_in: Callable[[Any], Client],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> None:
    monkeypatch.setenv("FORGELINE_OPCUA_CERTIFICATES", str(tmp_path / "opcua"))
    settings.CONNECTORS = {**settings.CONNECTORS, "OPCUA_CERTIFICATES": tmp_path / "opcua"}
    write_server_certificate(tmp_path / "server", "the press")
    server = make_plant("--certificate", str(tmp_path / "server"))
    with tenant_scope(live_company.tenant_id):
        site = plant.create_site(name="Works")
        machine = plant.create_asset(site_id=site.pk, level="work_unit", name="Press 1")
    cookie = sign_in(live_company.manager).cookies["sessionid"]
    page.context.add_cookies([{"name": "sessionid", "value": cookie.value, "url": live_url}])

    page.goto(f"{live_url}/connectors/add/opcua/")
    page.fill("[name=name]", "Press line")
    page.fill("[name=endpoint]", server.endpoint)
    assert not page.is_visible("[name=password]")
    assert not page.is_visible("[name=server_fingerprint]")
    page.select_option("[name=security_policy]", "Basic256Sha256")
    assert page.is_visible("[name=server_fingerprint]")
    page.click("#test-button")
    page.click("[data-trust]")
    page.wait_for_selector("text=The test succeeded")
    page.click("button[type=submit].primary")

    page.click("summary:has-text('Press')")
    page.check("label:has-text('Speed') input")
    page.wait_for_selector("text=ticked: 1")
    page.select_option("[name=asset]", str(machine.pk))
    page.click("text=Read the ticked nodes")
    page.wait_for_selector("text=1 node is read from now on.")
    with tenant_scope(live_company.tenant_id):
        assert list(Point.objects.values_list("key", flat=True)) == ["speed"]
