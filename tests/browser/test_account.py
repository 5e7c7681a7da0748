"""A person's own account: a second factor, a passkey that signs in alone, and the sessions that there are."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import hotp_value, yield_hotp_counters_from_time

from tests.browser.conftest import PASSWORD, Floor, Web

pytestmark = pytest.mark.browser


def _open(browser: Any, web: Web, **more: Any) -> Any:
    # A passkey belongs to a name; a number is none.
    address = web.address.replace("127.0.0.1", "localhost")
    page = browser.new_context(base_url=address, **{"locale": "en-GB", **more}).new_page()
    page.set_default_timeout(15_000)
    page.faults = []
    page.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    return page


def _sign_in(page: Any) -> None:
    page.goto("/sign-in/")
    page.fill("input[name=login]", "alice@example.com")
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/sign-in/" not in url)


def _be_sure(page: Any) -> None:
    """Changing what one signs in with asks for the password once more."""
    page.wait_for_url("**/account/sure/**")
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/account/sure/" not in url)


def test_a_passkey_is_added_and_signs_in_alone(browser: Any, web: Web, floor: Floor) -> None:
    page = _open(browser, web)
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
                "isUserVerified": True, "automaticPresenceSimulation": True,
            }
        },
    )  # fmt: skip
    _sign_in(page)
    page.click(".side .foot a[title='Your account']")
    page.click("a[href*='webauthn']")
    _be_sure(page)
    page.fill("input[name=name]", "Tablet in the hall")
    page.check("input[name=passwordless]")
    page.click("#mfa_webauthn_add")
    # The first factor brings recovery codes with it.
    page.wait_for_url(lambda url: "recovery" in url)
    page.goto("/account/factors/webauthn/")
    assert "Tablet in the hall" in page.locator("main").inner_text()
    page.click(".side form[action='/sign-out/'] button")
    page.wait_for_url("**/sign-in/**")
    page.click("#passkey_login")
    page.wait_for_selector(".machine")
    assert page.faults == []


def test_an_authenticator_app_is_asked_for(browser: Any, web: Web, floor: Floor) -> None:
    page = _open(browser, web, locale="zh-CN", viewport={"width": 390, "height": 844})
    _sign_in(page)
    page.goto("/account/factors/totp/activate/")
    _be_sure(page)
    assert page.locator("img.qr").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    secret = page.input_value("#authenticator_secret")
    page.fill("input[name=code]", f"{hotp_value(secret, next(iter(yield_hotp_counters_from_time()))):06d}")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "activate" not in url)
    codes = page.goto("/account/factors/recovery-codes/")
    assert codes.status == 200
    code = page.input_value("#recovery_codes").split()[0]
    other = _open(browser, web)
    _sign_in(other)
    other.wait_for_url("**/account/factors/authenticate/**")
    other.fill("input[name=code]", code)
    other.keyboard.press("Enter")
    other.wait_for_selector(".machine")
    page.goto("/account/sessions/")
    assert page.locator("tbody tr").count() == 2
    assert "Chrome, Linux" in page.locator("tbody tr").first.inner_text()
    page.locator("tbody button").click()
    page.wait_for_selector("text=该会话已结束")
    assert page.locator("tbody tr").count() == 1
    other.goto("/")
    other.wait_for_url("**/sign-in/**")
    assert page.faults == other.faults == []
