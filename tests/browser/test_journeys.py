"""What people do with the pages, in a real browser before the real server: from an empty house to a live value."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.browser.conftest import Floor, Sender, Web, sign_in

pytestmark = pytest.mark.browser

WATCH = """id => {
  window.seen = [];
  const element = document.querySelector(`[data-point="${id}"]`);
  new MutationObserver(() => window.seen.push([performance.now(), element.textContent]))
    .observe(element, {childList: true, characterData: true, subtree: true});
}"""


def test_an_empty_house_leads_to_a_live_value(open_page: Callable[..., Any], web: Web) -> None:
    """`make up DEMO=0`: first owner, plant, machine with a profile, a point by hand, a key, a value."""
    page = open_page()
    page.goto("/")
    page.wait_for_url("**/first-owner/")
    page.fill("input[name=company]", "Works Ltd")
    page.fill("input[name=name]", "Olga")
    page.fill("input[name=email]", "olga@example.com")
    for field in page.locator("input[type=password]").all():
        field.fill("a-long-password")
    page.click("button.primary")
    page.wait_for_url("**/start/")
    page.click("main a.primary")
    page.fill("input[name=name]", "Works")
    page.click("button:has-text('Save')")
    page.click("a:has-text('Add')")
    page.select_option("select[name=level]", "work_unit")
    page.fill("input[name=name]", "Press 1")
    page.click("button:has-text('Save')")
    page.click("a:has-text('Press 1')")
    page.click("a:has-text('New point')")
    page.fill("input[name=key]", "oil_pressure")
    page.fill("input[name=name]", "Oil pressure")
    page.fill("input[name=unit]", "bar")
    page.click("button:has-text('Save')")
    page.click("nav >> text=API keys")
    page.fill("input[name=name]", "gateway")
    page.select_option("select[name=role]", "manager")
    page.click("button:has-text('Make the key')")
    key = page.locator(".secret code").inner_text()
    page.goto("/")
    page.click(".machine")
    shown = page.locator("[data-point]").first
    assert shown.inner_text() == "–"
    page.wait_for_selector("[data-live-pill][data-state=live]")
    Sender(web.address, key).send(int(shown.get_attribute("data-point")), 4.2)
    page.wait_for_function("() => document.querySelector('[data-point]').textContent === '4.2'")
    assert page.faults == []


def test_a_first_change_shows_at_once_then_two_a_second(
    open_page: Callable[..., Any], floor: Floor, sender: Sender
) -> None:
    point = floor.points["speed"]
    page = open_page()
    sign_in(page, "bob@example.com")
    page.goto(f"/machines/{floor.machine_id}/")
    page.wait_for_selector("[data-live-pill][data-state=live]")
    page.evaluate(WATCH, point)
    for n in range(1, 21):
        sender.send(point, n)
        page.wait_for_timeout(100)
    page.wait_for_function(
        "id => document.querySelector(`[data-point='${id}']`).textContent === '20.0'", arg=point
    )
    seen = page.evaluate("window.seen")
    assert seen[0][1] == "1.0", "the first change is not skipped"
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(seen)]
    assert min(gaps) >= 450, "values change at most twice a second"
    assert 3 <= len(seen) < 15


def test_a_lost_server_is_told_and_the_gap_filled(
    open_page: Callable[..., Any], floor: Floor, sender: Sender, web: Web
) -> None:
    point = floor.points["power"]
    page = open_page()
    sign_in(page, "bob@example.com")
    page.goto("/")
    page.wait_for_selector("[data-live-pill][data-state=live]")
    sender.send(point, 11.0)
    page.wait_for_function(
        "id => document.querySelector(`[data-point='${id}']`).textContent === '11.0'", arg=point
    )
    # More than once: part of the page is made anew meanwhile, from values that are a second old.
    for value in (12.0, 13.0, 14.0):
        web.kill()
        page.wait_for_selector("[data-live-pill][data-state=lost]")
        assert "Not live since" in page.locator("[data-live-text]").first.inner_text()
        web.start()
        sender.send(point, value)
        page.wait_for_selector("[data-live-pill][data-state=live]", timeout=30_000)
        page.wait_for_function(
            "([id, text]) => document.querySelector(`[data-point='${id}']`).textContent === text",
            arg=[point, str(value)],
        )


def test_the_chart_holds_several_points_and_the_address_tells_it(
    open_page: Callable[..., Any], floor: Floor, sender: Sender
) -> None:
    now_ms = time.time_ns() // 1_000_000
    for key, value in (("power", 30.0), ("speed", 20.0)):
        for minute in range(30):
            sender.send(floor.points[key], value + minute, ts_ms=now_ms - minute * 60_000)
    page = open_page()
    sign_in(page, "alice@example.com")
    page.goto(f"/machines/{floor.machine_id}/?points={floor.points['power']}")
    page.wait_for_selector("#chart canvas")
    page.check(f"[data-chart-point='{floor.points['speed']}']")
    page.click("[data-range='1h']")
    page.wait_for_function("() => location.search.includes('range=1h')")
    assert f"points={floor.points['power']}%2C{floor.points['speed']}" in page.url
    page.wait_for_function(
        "() => document.querySelector('[data-chart-note]').textContent.includes('every sample')"
    )
    page.click("[data-range='shift']")
    page.wait_for_function("() => location.search.includes('range=shift')")
    with page.expect_download() as told:
        page.click("[data-csv]")
    lines = told.value.path().read_text().splitlines()
    assert lines[0].startswith("time_utc,machine,point")
    assert {line.split(",")[2] for line in lines[1:]} == {"power", "speed"}
    with page.context.expect_page() as another:
        page.evaluate("() => window.open(location.href)")
    another.value.wait_for_selector("[data-range='shift'].on")
    assert page.faults == []


def test_a_keyboard_is_enough(open_page: Callable[..., Any], floor: Floor) -> None:
    page = open_page()
    page.goto("/")
    page.wait_for_url("**/sign-in/**")
    # The first field has the focus.
    page.keyboard.type("bob@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type("a-long-password")
    page.keyboard.press("Enter")
    page.wait_for_selector(".machine")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.matches('.machine')"):
            break
    outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none", "the focus is seen"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/machines/{floor.machine_id}/**")
