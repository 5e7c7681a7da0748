"""The bell rings on an open page without a reload, and a manager sets up who is told by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from forgeline.base import clock
from forgeline.notifications import outbox, services
from forgeline.notifications.message import Message
from forgeline.tenancy.scoping import tenant_scope
from tests.browser.conftest import Floor, sign_in

pytestmark = pytest.mark.browser


def test_route_is_made_by_hand_and_the_bell_rings_live(open_page: Callable[..., Any], floor: Floor) -> None:
    page = open_page()
    sign_in(page, "alice@example.com")
    page.click("nav >> text=Who is told")
    page.click("text=Make the first route")
    page.fill("input[name=name]", "Everything")
    page.select_option("select[name=min_priority]", "low")
    page.select_option("select[name=steps-0-target]", label="Alice")
    page.click("button:has-text('Save')")
    page.wait_for_selector(".notice:has-text('Saved.')")

    page.goto("/")
    assert page.locator(".bell b").count() == 0
    page.wait_for_selector("[data-live-pill][data-state=live]")
    with tenant_scope(floor.company.tenant_id):
        services.announce(
            Message(
                subject="trial:1", kind="trial.raised", priority="high", site_id=floor.site_id,
                title={"en": "Press 1 is too hot"}, body={"en": "81 °C"}, path="", happened_at=clock.now(),
                needs_answer=False,
            )
        )  # fmt: skip
    outbox.work(floor.company.tenant_id)
    page.wait_for_selector(".bell b:has-text('1')")
    page.click(".bell")
    page.wait_for_selector(".message.unread:has-text('Press 1 is too hot')")
    page.click("text=Mark all as read")
    page.wait_for_selector(".message.read")
    assert page.locator(".bell b").count() == 0
    assert page.faults == []
