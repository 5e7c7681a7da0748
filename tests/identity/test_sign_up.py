"""Sign-up and second factors, through pages and a real mail server: a company, its trial, and a proven address."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, hotp_value, yield_hotp_counters_from_time
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client

from forgeline.assets.models import Site
from forgeline.billing import subscriptions
from forgeline.identity.models import User
from forgeline.identity.queries import list_memberships
from forgeline.tenancy.models import Tenant
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

GIVEN = {
    "company": "新月压铸 Crescent", "name": "Mei", "email": "Mei@example.com", "password1": "three-grey-presses",
    "industry": "foundry", "zone": "Asia/Shanghai", "currency": "CNY",
}  # fmt: skip


@pytest.fixture
def open_house(company: Company, settings: Any) -> None:
    settings.SIGN_UP = True


def _code() -> str:
    found = re.search(r"^([A-Z0-9]{3,5}-[A-Z0-9]{3,5})$", mail.outbox[-1].body, re.MULTILINE)
    assert found is not None, mail.outbox[-1].body
    return found[1]


def test_a_closed_house_takes_nobody(company: Company) -> None:
    answer = Client().post("/sign-up/", GIVEN)
    assert "Ask the owner of yours for an invitation" in answer.content.decode()
    assert not User.objects.filter(email="mei@example.com").exists()


def test_a_company_is_made_with_its_plant_and_its_trial(open_house: None) -> None:
    client = Client()
    answer = client.post("/sign-up/", GIVEN)
    assert (answer.status_code, answer["Location"]) == (302, "/account/address/proof/")
    # Not signed in before the address is proven.
    assert client.get("/company/plan/").status_code == 302
    user = User.objects.get(email="mei@example.com")
    proven = client.post("/account/address/proof/", {"code": _code()})
    assert proven.status_code == 302
    assert client.get("/company/plan/").status_code == 200
    (membership,) = list_memberships(user.pk)
    assert membership.role == "owner"
    with tenant_scope(membership.tenant_id):
        tenant = Tenant.objects.get()
        assert (tenant.name, tenant.industry) == ("新月压铸 Crescent", "foundry")
        assert Site.objects.get().zone == "Asia/Shanghai"
        row = subscriptions.get_subscription()
        assert row is not None
        assert (row.state, row.plan_id, row.currency, (row.to_on - row.from_on).days) == (
            "trial", "professional", "CNY", 30,
        )  # fmt: skip


def test_in_chinese_neither_a_fault_nor_the_letter_has_an_english_sentence(open_house: None) -> None:
    client = Client(headers={"Accept-Language": "zh-CN"})
    refused = client.post("/sign-up/", GIVEN | {"password1": "1234"}).content.decode()
    assert "密码太短，至少需要 10 个字符。" in refused
    client.post("/sign-up/", GIVEN)
    letter = mail.outbox[-1]
    said = letter.subject + letter.body.replace(_code(), "").replace("Forgeline", "").replace("Mei", "")
    assert "验证码" in said
    assert not re.search("[A-Za-z]{2}", said), said


def test_a_wrong_code_proves_nothing(open_house: None) -> None:
    client = Client()
    client.post("/sign-up/", GIVEN)
    assert client.post("/account/address/proof/", {"code": "ZZZ-000"}).status_code == 200
    assert client.get("/company/plan/").status_code == 302
    # Whoever knows the password gets no further; a new code so soon is refused.
    again = Client()
    answer = again.post("/sign-in/", {"login": "mei@example.com", "password": GIVEN["password1"]})
    assert answer.status_code == 200
    assert again.get("/company/plan/").status_code == 302


def test_a_code_that_was_lost_is_sent_again_after_a_while(open_house: None) -> None:
    client = Client()
    client.post("/sign-up/", GIVEN)
    first = _code()
    page = client.get("/account/address/proof/").content.decode()
    assert "Request new code" in page
    soon = client.post("/account/address/proof/", {"action": "resend"}, follow=True)
    assert (soon.status_code, len(mail.outbox)) == (429, 1)
    assert "Wait three minutes" in soon.content.decode()
    # Three minutes later.
    cache.clear()
    client.post("/account/address/proof/", {"action": "resend"}, follow=True)
    assert len(mail.outbox) == 2
    assert client.post("/account/address/proof/", {"code": first}).status_code == 200
    assert client.post("/account/address/proof/", {"code": _code()}).status_code == 302


def test_a_known_address_is_not_told_and_gets_a_letter(open_house: None) -> None:
    before = _count_tenants()
    known = Client().post("/sign-up/", {**GIVEN, "email": "alice@example.com"})
    assert (known.status_code, known["Location"]) == (302, "/account/address/proof/")
    assert mail.outbox[-1].to == ["alice@example.com"]
    assert _count_tenants() == before


def test_what_cannot_be_used_makes_nothing(open_house: None) -> None:
    before = _count_tenants()
    for wrong in (
        {"zone": "Mars/Olympus"},
        {"password1": "password12"},
        {"industry": "magic"},
        {"company": ""},
    ):
        answer = Client().post("/sign-up/", {**GIVEN, **wrong})
        assert answer.status_code == 200
        assert 'role="alert"' in answer.content.decode()
    assert _count_tenants() == before
    assert not User.objects.filter(email="mei@example.com").exists()


def _count_tenants() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tenancy_list_tenant_ids()")
        return int(cursor.fetchone()[0])


def test_a_second_factor_is_asked_for_and_its_secret_is_sealed(company: Company) -> None:
    secret = "JBSWY3DPEHPK3PXP"
    TOTP.activate(company.manager, secret)
    row = Authenticator.objects.get(user=company.manager)
    assert secret not in str(row.data)
    assert get_adapter().decrypt(row.data["secret"]) == secret
    client = Client()
    answer = client.post("/sign-in/", {"login": "alice@example.com", "password": "a-long-password"})
    assert (answer.status_code, answer["Location"]) == (302, "/account/factors/authenticate/")
    assert client.get("/alarms/").status_code == 302
    assert client.post("/account/factors/authenticate/", {"code": "000000"}).status_code == 200
    code = f"{hotp_value(secret, next(iter(yield_hotp_counters_from_time()))):06d}"
    assert client.post("/account/factors/authenticate/", {"code": code}).status_code == 302
    assert client.get("/alarms/").status_code == 200
    # The same code opens nothing a second time.
    second = Client()
    second.post("/sign-in/", {"login": "alice@example.com", "password": "a-long-password"})
    assert second.post("/account/factors/authenticate/", {"code": code}).status_code == 200


def test_the_other_sessions_are_ended(company: Company) -> None:
    clients = [Client(), Client()]
    for client in clients:
        client.post("/sign-in/", {"login": "alice@example.com", "password": "a-long-password"})
        assert client.get("/alarms/").status_code == 200
    assert clients[0].get("/account/sessions/").status_code == 200
    assert clients[0].post("/account/sessions/").status_code == 302
    assert [client.get("/alarms/").status_code for client in clients] == [200, 302]


def test_a_mail_server_that_is_away_is_said_and_stops_nothing(open_house: None, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    client = Client()
    answer = client.post("/sign-up/", GIVEN, follow=True)
    assert answer.status_code == 200
    assert "mail server is away" in answer.content.decode()
    assert User.objects.filter(email="mei@example.com").exists()


def test_an_address_that_nobody_has_gets_the_houses_page(company: Company) -> None:
    answer = Client().get("/nonsense/", headers={"Accept-Language": "zh-hans"})
    assert answer.status_code == 404
    assert '<main class="door"' in answer.content.decode()


def test_a_page_that_fails_says_so_in_both_languages(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("forgeline.web.views.session.SignIn.get_context_data", fail)
    answer = Client(raise_request_exception=False).get("/sign-in/")
    said = answer.content.decode()
    assert answer.status_code == 500
    assert "页面出错了" in said
    assert "This page failed" in said
    assert "secret detail" not in said
