"""Signing in is bounded, a session is new with each sign-in, and keys end when they are told to."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from rest_framework.test import APIClient

from forgeline.base import clock
from forgeline.identity import keys
from forgeline.identity.attempts import REFUSED, take_attempt
from forgeline.identity.queries import digest_of
from tests.conftest import Company

PASSWORD = "a-long-password"


@pytest.fixture
def caller() -> str:
    """An address of this test alone: counters of tries live in the shared cache."""
    return f"fd00::{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}"


def _try(client: Client, email: str, password: str, caller: str = "127.0.0.1") -> int:
    answer = client.post("/sign-in/", {"login": email, "password": password}, REMOTE_ADDR=caller)
    return int(answer.status_code)


def test_right_password_opens_and_wrong_one_tells_neither_which(company: Company) -> None:
    known = Client().post("/sign-in/", {"login": "alice@example.com", "password": "wrong"})
    unknown = Client().post("/sign-in/", {"login": "nobody@example.com", "password": "wrong"})
    assert known.status_code == unknown.status_code == 200
    said = [set(answer.context["form"].non_field_errors()) for answer in (known, unknown)]
    assert said[0] == said[1]
    assert said[0]
    assert _try(Client(), " Alice@Example.com ", PASSWORD) == 302


def test_account_rests_after_eight_tries_however_it_is_spelt(company: Company, caller: str) -> None:
    before = REFUSED.labels("sign_in")._value.get()
    spellings = ("alice@example.com", "ALICE@example.com", "Alice@Example.Com", " alice@example.com")
    codes = [
        _try(Client(), spellings[i % 4], f"wrong-{i}", caller) for i in range(settings.AXES_FAILURE_LIMIT)
    ]
    assert codes[:-1] == [200] * (settings.AXES_FAILURE_LIMIT - 1)
    assert codes[-1] == 429
    answer = Client().post(
        "/sign-in/", {"login": "alice@example.com", "password": PASSWORD}, REMOTE_ADDR=caller,
        headers={"Accept-Language": "zh-hans"},
    )  # fmt: skip
    assert answer.status_code == 429
    assert answer["Retry-After"] == "900"
    assert "15 分钟" in answer.content.decode()
    assert REFUSED.labels("sign_in")._value.get() >= before + 2
    # Neither another person at that place nor the same person elsewhere is kept out.
    assert _try(Client(), "bob@example.com", PASSWORD, caller) == 302
    assert _try(Client(), "alice@example.com", PASSWORD, "10.9.9.9") == 302


def test_right_password_forgets_the_tries(company: Company, caller: str) -> None:
    for _round in range(2):
        for number in range(settings.AXES_FAILURE_LIMIT - 1):
            assert _try(Client(), "alice@example.com", f"wrong-{number}", caller) == 200
        assert _try(Client(), "alice@example.com", PASSWORD, caller) == 302


def test_attempts_are_counted_per_subject(db: None) -> None:
    subject = uuid.uuid4().hex
    taken = [take_attempt("test", subject, most=3, within_s=60) for _ in range(5)]
    assert taken == [True, True, True, False, False]
    assert take_attempt("test", uuid.uuid4().hex, most=3, within_s=60)


def test_session_of_before_is_worth_nothing_after_signing_in(company: Company) -> None:
    client = Client()
    session = client.session
    session["planted"] = "x"
    session.save()
    planted = session.session_key
    client.cookies[settings.SESSION_COOKIE_NAME] = planted
    assert _try(client, "alice@example.com", PASSWORD) == 302
    own = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert own != planted
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = planted
    assert thief.get("/").status_code == 302
    assert client.get("/").status_code == 200


def test_session_ends_at_sign_out_expiry_and_new_password(company: Company) -> None:
    client = Client()
    _try(client, "alice@example.com", PASSWORD)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    copy = Client()
    copy.cookies[settings.SESSION_COOKIE_NAME] = cookie.value
    assert copy.get("/").status_code == 200
    client.post("/sign-out/")
    assert copy.get("/").status_code == 302

    _try(client, "alice@example.com", PASSWORD)
    session = client.session
    session.set_expiry(-1)
    session.save()
    assert client.get("/").status_code == 302

    client = Client()
    _try(client, "alice@example.com", PASSWORD)
    company.manager.set_password("another-long-password")
    company.manager.save()
    assert client.get("/").status_code == 302


def test_inactive_person_is_out_at_once(company: Company) -> None:
    client = Client()
    _try(client, "alice@example.com", PASSWORD)
    company.manager.is_active = False
    company.manager.save()
    assert client.get("/").status_code == 302
    assert _try(Client(), "alice@example.com", PASSWORD) == 200


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_sign_in_leads_nowhere_else(company: Company, target: str) -> None:
    answer = Client().post(
        f"/sign-in/?next={target}", {"login": "alice@example.com", "password": PASSWORD, "next": target}
    )
    assert answer.status_code == 302
    assert answer["Location"] == "/"


def test_forms_need_their_token(company: Company) -> None:
    client = Client(enforce_csrf_checks=True)
    assert _try(client, "alice@example.com", PASSWORD) == 403


# --- keys of programs ---

ClientOf = Callable[[str], APIClient]


def _reads(key: str, header: str = "Authorization") -> int:
    value = f"Bearer {key}" if header == "Authorization" else key
    return int(APIClient(headers={header: value}).get("/api/v1/me/").status_code)


def test_key_is_kept_as_a_hash_alone(company: Company) -> None:
    row, key = keys.create_api_key(tenant_id=company.tenant_id, name="robot")
    kept = " ".join(map(str, (row.name, row.prefix, row.digest)))
    assert row.digest == digest_of(key)
    assert key not in kept
    assert len(row.prefix) < 12
    assert (_reads(key), _reads(key, "X-API-Key")) == (200, 200)


def test_ended_keys_are_refused(live_company: Company) -> None:
    expired = keys.create_api_key(
        tenant_id=live_company.tenant_id, name="old", expires_at=clock.now() - timedelta(seconds=1)
    )[1]
    row, revoked = keys.create_api_key(tenant_id=live_company.tenant_id, name="gone")
    assert _reads(revoked) == 200
    keys.revoke_api_key(tenant_id=live_company.tenant_id, api_key_id=row.pk)
    keys.revoke_api_key(tenant_id=live_company.tenant_id, api_key_id=row.pk)
    altered = live_company.manager_key[:-1] + ("A" if live_company.manager_key[-1] != "A" else "B")
    assert [_reads(key) for key in (expired, revoked, altered)] == [401] * 3


def test_key_opens_no_page(company: Company) -> None:
    answer = Client(headers={"Authorization": f"Bearer {company.viewer_key}"}).post(
        "/company/keys/", {"make": ""}
    )
    assert answer.status_code in {302, 403}


def test_a_form_without_its_token_is_refused_with_a_page_that_says_what_to_do(company: Company) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/sign-in/", {"login": "alice@example.com", "password": "x"})
    assert answer.status_code == 403
    assert "Load the page again" in answer.content.decode()
