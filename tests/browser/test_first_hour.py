"""Somebody with an empty company walks through the first steps, puts the reminder away, and finds it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import _set_real_passwords, sign_in
from tests.conftest import Company

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_from_an_empty_company_to_a_machine(
    open_page: Callable[..., Any], live_company: Company, width: int, height: int
) -> None:
    _set_real_passwords(live_company)
    page = open_page(width=width, height=height)
    sign_in(page, "alice@example.com")
    card = page.locator(".first-hour")
    assert card.locator("b.num").inner_text() == "1 / 6"
    card.locator("a.primary").click()
    page.fill("input[name=name]", "Works")
    page.click("button.primary")
    page.goto("/")
    page.locator(".first-hour a.primary").click()
    page.fill("input[name=name]", "Press 7")
    page.select_option("select[name=profile]", "press")
    page.click("button.primary")
    page.goto("/start/")
    assert page.locator("progress").get_attribute("value") == "3"
    assert page.locator("li.step.now h2").inner_text() == "Connect it"
    page.locator("li.step.now >> text=Leave out").click()
    page.wait_for_selector("li.step.skipped >> text=Connect it")
    assert page.locator("li.step.now h2").inner_text() == "See its first value live"
    page.click("text=Not on the overview")
    page.wait_for_url(lambda url: not url.endswith("/start/"))
    assert page.locator(".first-hour").count() == 0
    page.goto("/setup/")
    page.click("main >> text=Your first hour")
    page.click("text=Show it on the overview again")
    page.goto("/")
    assert page.locator(".first-hour").count() == 1
    across = page.evaluate("document.documentElement.scrollWidth")
    assert across <= width
    assert page.faults == []
