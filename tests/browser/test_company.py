"""A company governs itself in a browser: a role of its own, a person limited to a line, a key, a webhook, the audit."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from forgeline.assets import services
from forgeline.assets.models import Asset
from forgeline.tenancy.scoping import tenant_scope
from tests.browser.conftest import Floor, sign_in

pytestmark = pytest.mark.browser


def test_a_line_manager_sees_one_line(open_page: Callable[..., Any], floor: Floor) -> None:
    with tenant_scope(floor.company.tenant_id):
        machine = Asset.objects.get(pk=floor.machine_id)
        other = services.create_asset(site_id=floor.site_id, level="area", name="Paint shop")
        services.create_asset(site_id=floor.site_id, parent_id=other.pk, level="work_unit", name="Robot 9")
    page = open_page()
    page.on("dialog", lambda dialog: dialog.accept())
    sign_in(page, "alice@example.com")

    page.goto("/company/roles/")
    page.select_option("#copy", "engineer")
    page.fill("#role-name", "Line manager")
    page.click("button:text-is('Copy')")
    page.wait_for_selector("h1:has-text('Line manager')")
    page.uncheck("input[value='telemetry.write']")
    page.click("button:has-text('Save')")
    page.wait_for_selector("h1:has-text('Roles')")

    page.goto("/company/people/")
    page.locator("tr:has-text('bob@example.com') >> a:has-text('Change')").click()
    page.select_option("#id_role", label="Line manager")
    page.check(f"input[name=branches][value='{machine.path}']")
    page.click("button:has-text('Save')")
    page.wait_for_selector(f"tr:has-text('bob@example.com') >> text={machine.name}")

    phone = open_page(width=390, height=844)
    sign_in(phone, "bob@example.com")
    phone.goto("/setup/")
    assert phone.locator(f"text={machine.name}").count() > 0
    assert phone.locator("text=Robot 9").count() == 0
    assert phone.locator("text=Paint shop").count() == 0
    assert phone.goto("/company/people/").status == 403
    assert phone.goto(f"/setup/assets/{other.pk}/").status == 404

    page.goto("/company/audit/?q=bob@example.com")
    assert page.locator("tr:has-text('parts of the plant')").count() == 1
    assert page.faults == []


def test_keys_and_webhooks_are_made_tested_and_rotated(open_page: Callable[..., Any], floor: Floor) -> None:
    page = open_page()
    page.on("dialog", lambda dialog: dialog.accept())
    sign_in(page, "alice@example.com")
    page.goto("/company/keys/")
    page.fill("#id_name", "ERP")
    page.click("button[name=make]")
    first = page.locator(".secret code").inner_text()
    page.locator("tr:has-text('ERP') >> button[name=rotate]").click()
    page.wait_for_selector(".secret code")
    assert page.locator(".secret code").inner_text() != first
    assert page.locator("tr:has-text('ERP')").count() == 2

    page.goto("/company/webhooks/")
    page.fill("#id_name", "ERP")
    page.fill("#id_url", "https://127.0.0.1/hook")
    page.click("button:has-text('Make the webhook')")
    page.wait_for_selector("text=private network")
    page.fill("#id_url", "https://1.1.1.1/hook")
    page.click("button:has-text('Make the webhook')")
    secret = page.locator(".secret code").inner_text()
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/=]{44}", secret)
    page.click("a:has-text('ERP')")
    page.click("button[name=ping]")
    page.wait_for_selector("td:has-text('Test')")
    page.click("button[name=rotate]")
    page.wait_for_selector(".secret code")
    assert page.locator(".secret code").inner_text() != secret
    page.click("button[name=off]")
    page.wait_for_selector("text=switched off")
    page.click("button[name=delete]")
    page.wait_for_selector("text=No webhooks yet")
    assert [fault for fault in page.faults if "422" not in fault] == []
