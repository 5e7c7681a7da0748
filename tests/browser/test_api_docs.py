"""The interactive reference: it opens under our policy for scripts, and its examples run with a key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.browser.conftest import Floor

pytestmark = pytest.mark.browser


def try_out(
    page: Any, method: str, path: str, fields: dict[str, str] | None = None, body: Any = None
) -> tuple[int, Any]:
    """Open an operation, run it as it stands but for what is given, and return status and answer."""
    block = page.locator(f".opblock-{method}", has=page.locator(f'[data-path="/api/v1{path}"]')).first
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    for name, value in (fields or {}).items():
        block.locator(f'tr[data-param-name="{name}"] input').fill(value)
    if body is not None:
        shown = block.locator("textarea.body-param__text")
        shown.fill(json.dumps({**json.loads(shown.input_value()), **body}))
    with page.expect_response(lambda answer: f"/api/v1{path}" in answer.url) as caught:
        block.get_by_role("button", name="Execute").click()
    block.locator(".live-responses-table .response .response-col_status").first.wait_for()
    return caught.value.status, caught.value.json()


def test_the_examples_run_with_a_key_and_nothing_is_refused_by_the_browser(
    floor: Floor, open_page: Any
) -> None:
    page = open_page(width=1280, height=1000)
    page.goto("/api/docs/")
    page.locator(".opblock").first.wait_for()
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".modal-ux input").first.fill(floor.company.manager_key)
    page.locator(".modal-ux").get_by_role("button", name="Apply").first.click()
    page.locator(".modal-ux").get_by_role("button", name="Close").first.click()
    status, me = try_out(page, "get", "/me/")
    assert (status, me["role"]) == (200, "manager")
    status, plant = try_out(page, "post", "/plants/")
    assert (status, plant["name"]) == (201, "Plant 1")
    point = next(iter(floor.points.values()))
    status, stored = try_out(page, "post", "/samples/", body={"point": [point, point]})
    assert (status, stored["rejected"]) == (200, 0)
    status, newest = try_out(page, "get", "/latest/", {"point": str(point)})
    assert (status, set(newest)) == (200, {"at_ms", "results"})
    assert page.faults == []


def test_it_opens_on_a_phone_without_a_key(floor: Floor, open_page: Any) -> None:
    page = open_page(width=390, height=800)
    page.goto("/api/docs/")
    page.locator(".opblock").first.wait_for()
    status, refused = try_out(page, "get", "/me/")
    assert (status, refused["key"]) == (401, "base.not_authenticated")
    assert [fault for fault in page.faults if "401" not in fault] == []
