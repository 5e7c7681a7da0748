"""Somebody is invited on one screen and joins on another; what a role may not do is not offered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from forgeline.identity.models import Membership, Role
from forgeline.tenancy.scoping import tenant_scope
from tests.browser.conftest import Floor, sign_in

pytestmark = pytest.mark.browser


def test_an_operator_is_invited_and_joins_on_a_phone(open_page: Callable[..., Any], floor: Floor) -> None:
    with tenant_scope(floor.company.tenant_id):
        Membership.objects.filter(user=floor.company.manager).update(role=Role.OWNER)
    page = open_page()
    sign_in(page, "alice@example.com")
    page.click("nav >> text=People")
    page.fill("input[name=email]", "wang@example.com")
    page.select_option("select#id_role", "operator")
    page.click("button[name=invite]")
    link = page.locator(".secret code").inner_text()

    phone = open_page(width=390, height=844, locale="zh-CN")
    phone.goto(link)
    phone.fill("input[name=name]", "王师傅")
    phone.fill("input[name=password]", "yi-ge-hen-chang-de")
    phone.click("button.primary")
    phone.wait_for_url(lambda url: "/invitations/" not in url)
    phone.goto("/alarms/")
    phone.wait_for_selector("h1:has-text('报警')")
    assert phone.locator(".side a.item[href='/company/people/']").count() == 0
    phone.goto("/alarms/rules/")
    assert phone.locator("a[href*='/alarms/rules/edit/']").count() == 0

    page.goto("/company/people/")
    row = page.locator("tr:has-text('wang@example.com')")
    page.on("dialog", lambda dialog: dialog.accept())
    row.locator("button:has-text('Keep out')").click()
    page.wait_for_selector("tr:has-text('wang@example.com') >> text=kept out")
    answer = phone.goto("/alarms/")
    assert answer.status == 403
    assert page.faults == []
