"""Maintenance in a browser: the board by keyboard, a pass whose net is away, a fault told by phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.health.models import InspectionResult, WorkOrder
from apps.health.services import inspections, orders, register
from forgeline.identity.policy import Actor, permissions_of
from forgeline.tenancy.scoping import tenant_scope
from tests.browser.conftest import Floor, sign_in
from tests.demoplant.house import until

pytestmark = pytest.mark.browser

OpenPage = Callable[..., Any]


def _boss(floor: Floor) -> Actor:
    tenant_id = floor.company.tenant_id
    return Actor(tenant_id, "manager", label="Alice", permissions=permissions_of("manager"))


def test_the_board_is_worked_by_keyboard(open_page: OpenPage, floor: Floor) -> None:
    with tenant_scope(floor.company.tenant_id):
        for title, state in (("One", "requested"), ("Two", "requested"), ("Three", "in_progress")):
            orders.make_order(asset_id=floor.machine_id, title=title, by="x", state=state)
    page = open_page(width=1920, height=1080)
    sign_in(page, "alice@example.com")
    page.goto("/health/")
    at = "document.activeElement.textContent"
    page.keyboard.press("ArrowDown")
    assert page.evaluate(at) == "One"
    page.keyboard.press("ArrowDown")
    assert page.evaluate(at) == "Two"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(at) == "Three"
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(at) == "One"
    with page.expect_navigation():
        page.keyboard.press("Space")
    assert page.locator(".column").nth(1).locator("[data-card]").count() == 1
    with tenant_scope(floor.company.tenant_id):
        assert WorkOrder.objects.get(title="One").state == "approved"
    assert page.faults == []


def test_a_card_is_dragged_and_what_is_refused_is_told(open_page: OpenPage, floor: Floor) -> None:
    with tenant_scope(floor.company.tenant_id):
        orders.make_order(asset_id=floor.machine_id, title="One", by="x", state="requested")
    page = open_page(width=1920, height=1080)
    sign_in(page, "alice@example.com")
    page.goto("/health/")
    with page.expect_navigation():
        page.drag_and_drop("[data-card]", "[data-state=approved]")
    with tenant_scope(floor.company.tenant_id):
        assert WorkOrder.objects.get(title="One").state == "approved"
    with page.expect_navigation():
        page.drag_and_drop("[data-card]", "[data-state=done]")
    assert page.get_by_text("from there it cannot become Done").is_visible()
    with tenant_scope(floor.company.tenant_id):
        assert WorkOrder.objects.get(title="One").state == "approved"
    assert page.faults == []


def test_a_pass_goes_on_when_the_net_was_away(open_page: OpenPage, floor: Floor) -> None:
    boss = _boss(floor)
    with tenant_scope(floor.company.tenant_id):
        items = [{"asset": floor.machine_id, "text": f"Item {n}"} for n in range(3)]
        route = inspections.create_route(site_id=floor.site_id, name="Walk", items=items, actor=boss)
        run = inspections.start_pass(route.pk, actor=boss)
    page = open_page(width=390, height=844)
    sign_in(page, "alice@example.com")
    page.goto(f"/health/inspections/{run.pk}/")
    stops = page.locator("li.stop")
    stops.nth(0).get_by_role("button", name="OK", exact=True).click()
    page.get_by_text("1 / 3").wait_for()
    page.context.set_offline(True)
    stops.nth(1).get_by_role("button", name="Not OK", exact=True).click()
    page.locator("li.stop.unsent").wait_for()
    assert page.locator("[data-lost]").is_visible()

    def saved() -> int:
        with tenant_scope(floor.company.tenant_id):
            return int(InspectionResult.objects.count())

    assert saved() == 1
    page.context.set_offline(False)
    until(lambda: saved() == 2)
    page.get_by_text("2 / 3").wait_for()
    assert not page.locator("[data-lost]").is_visible()
    with tenant_scope(floor.company.tenant_id):
        assert WorkOrder.objects.filter(kind="inspection").count() == 1
    # Whoever loses the page itself finds everything on opening it again.
    page.reload()
    assert page.locator("li.stop.answered").count() == 2


@pytest.mark.parametrize(("locale", "word"), [("zh-CN", "出了什么问题"), ("en-GB", "What is wrong?")])
def test_a_fault_is_told_by_phone_without_signing_in(
    open_page: OpenPage, floor: Floor, locale: str, word: str
) -> None:
    with tenant_scope(floor.company.tenant_id):
        token = register.make_label(floor.machine_id, actor=_boss(floor)).fault_token
    page = open_page(width=390, height=844, locale=locale)
    page.goto(f"/health/report/{token}/")
    assert page.get_by_text(word).is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.fill("input[name=title]", "漏油")
    page.check("input[name=is_down]")
    page.locator("button.primary").click()
    page.get_by_text("#1").wait_for()
    with tenant_scope(floor.company.tenant_id):
        row = WorkOrder.objects.get()
        assert (row.title, row.priority, row.state) == ("漏油", "urgent", "requested")
    assert page.faults == []
