"""The interactive reference: it opens under our policy for scripts, and its examples run with a key or a session."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.browser.conftest import Floor, sign_in

# The reference is a large program; on a busy computer it takes its time.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def open_docs(page: Any) -> None:
    page.set_default_timeout(90_000)
    page.goto("/api/docs/")
    page.locator(".opblock-tag-section").last.wait_for()


def try_out(page: Any, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Open an operation, run it as it stands but for what is given; return the status and answer that are shown."""
    tag = page.locator(f'.opblock-tag[data-tag="{path.split("/")[1]}"]')
    if tag.get_attribute("data-is-open") != "true":
        tag.click()
    block = page.locator(f".opblock-{method}", has=page.locator(f'[data-path="/api/v1{path}"]')).first
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    if body is not None:
        shown = block.locator("textarea.body-param__text")
        shown.fill(json.dumps({**json.loads(shown.input_value()), **body}))
    block.get_by_role("button", name="Execute").click()
    row = block.locator(".live-responses-table tr.response").first
    status = int(row.locator(".response-col_status").inner_text().split()[0])
    return status, json.loads(row.locator(".highlight-code code").first.inner_text())


def test_the_examples_run_with_a_key_and_nothing_is_refused_by_the_browser(
    floor: Floor, open_page: Any
) -> None:
    page = open_page(width=1280, height=1000)
    open_docs(page)
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".modal-ux input").first.fill(floor.company.manager_key)
    page.locator(".modal-ux").get_by_role("button", name="Apply").first.click()
    page.locator(".modal-ux").get_by_role("button", name="Close").first.click()
    status, me = try_out(page, "get", "/me/")
    assert (status, me["role"]) == (200, "manager")
    status, plant = try_out(page, "post", "/plants/")
    assert (status, plant["name"]) == (201, "Plant 1")
    point = floor.points["power"]
    status, stored = try_out(page, "post", "/samples/", body={"point": [point, point]})
    assert (status, stored["reasons"]) == (200, [])
    assert page.faults == []


def test_whoever_is_signed_in_needs_no_key_to_read_and_to_write(floor: Floor, open_page: Any) -> None:
    page = open_page(width=1280, height=1000, locale="zh-CN")
    sign_in(page, "alice@example.com")
    open_docs(page)
    status, me = try_out(page, "get", "/me/")
    assert (status, me["role"]) == (200, "manager")
    # A write by session needs the page's own token against foreign pages.
    status, plant = try_out(page, "post", "/plants/")
    assert (status, plant["name"]) == (201, "Plant 1")
    assert page.faults == []


def test_it_opens_on_a_phone_without_a_key(floor: Floor, open_page: Any) -> None:
    page = open_page(width=390, height=800)
    open_docs(page)
    status, refused = try_out(page, "get", "/me/")
    assert (status, refused["key"]) == (401, "base.not_authenticated")
    assert [fault for fault in page.faults if "401" not in fault] == []
