"""An owner sets single sign-on up and a colleague comes in by it: two origins in one browser, under our own policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from forgeline.embedded.service import free_port
from forgeline.identity.models import Membership, Role
from forgeline.tenancy.scoping import tenant_scope
from tests.browser.conftest import PASSWORD, Floor, Web, sign_in
from tests.demoplant.house import ROOT
from tests.services.requirement import skip_or_fail
from tests.sso import foreign

pytestmark = pytest.mark.browser


@pytest.fixture
def web(live_db: None, child_environment: dict[str, str], tmp_path: Path) -> Iterator[Web]:
    """A server that may speak to a provider on this machine."""
    (tmp_path / "var").mkdir(exist_ok=True)
    (tmp_path / "var/assets").symlink_to(ROOT / "var/assets")
    server = Web({**child_environment, "FORGELINE_MESSAGES_TO_PRIVATE": "true"}, tmp_path / "web.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def provider(web: Web, tmp_path: Path) -> Iterator[foreign.Foreign]:
    folder, reason = foreign.install()
    skip_or_fail("foreign_oidc", reason)
    assert folder is not None
    back = f"{web.address}/sign-in/company/alice/callback/"
    started = foreign.start(folder, tmp_path, [free_port()], [back])
    started.set_accounts({"wang": {"email": "wang@example.com", "email_verified": True, "name": "王师傅"}})
    yield started
    started.stop()


def _own_faults(page: Any, provider: foreign.Foreign) -> list[str]:
    """What went wrong on our pages: that the browser goes to the provider is meant."""
    return [fault for fault in page.faults if not fault.startswith(f"asks {provider.issuers[0]}")]


def test_a_company_signs_in_by_its_own_provider(
    open_page: Callable[..., Any], floor: Floor, web: Web, provider: foreign.Foreign
) -> None:
    with tenant_scope(floor.company.tenant_id):
        Membership.objects.filter(user=floor.company.manager).update(role=Role.OWNER)
    owner = open_page()
    sign_in(owner, "alice@example.com")
    owner.click("nav >> text=Single sign-on")
    owner.fill("input[name=discovery_url]", "http://127.0.0.1:1")
    owner.fill("input[name=client_id]", foreign.CLIENT_ID)
    owner.click("button[name=check]")
    owner.wait_for_selector(".notice.bad >> text=could not be reached")
    owner.fill("input[name=discovery_url]", provider.issuers[0])
    owner.click("button[name=check]")
    owner.wait_for_selector("text=The provider answers as it should")
    owner.fill("input[name=secret]", foreign.SECRET)
    owner.fill("textarea[name=domains]", "example.com")
    owner.select_option("select[name=role]", "operator")
    owner.check("input[name=is_required]")
    owner.click("button[name=save]")
    owner.wait_for_selector("h2:has-text('In use')")
    assert owner.locator("input[name=secret]").input_value() == ""

    colleague = open_page(width=390, height=844, locale="zh-CN")
    colleague.goto("/alarms/")
    colleague.click("text=通过公司登录")
    colleague.fill("input[name=company]", "wang@example.com")
    colleague.keyboard.press("Enter")
    colleague.click("a.btn.primary")
    colleague.wait_for_url(lambda url: url.startswith(provider.issuers[0]))
    colleague.fill("input[name=account]", "wang")
    colleague.keyboard.press("Enter")
    colleague.wait_for_url(f"{web.address}/alarms/")
    answer = colleague.goto("/account/sessions/")
    assert answer.status == 403
    colleague.wait_for_selector("h1:has-text('您是通过公司登录的')")

    member = open_page()
    member.goto("/sign-in/")
    member.fill("input[name=login]", "bob@example.com")
    member.fill("input[name=password]", PASSWORD)
    member.keyboard.press("Enter")
    member.wait_for_selector("text=your password is not taken")
    member.click("a.btn.primary")
    member.wait_for_url(lambda url: url.startswith(provider.issuers[0]))
    member.click("#cancel")
    member.wait_for_selector("text=broken off")

    owner.reload()
    owner.wait_for_selector("tr:has-text('wang@example.com')")
    expected = ["Failed to load resource: the server responded with a status of 40"]
    for page in (owner, colleague, member):
        left = [fault for fault in _own_faults(page, provider) if not fault.startswith(tuple(expected))]
        assert left == []
