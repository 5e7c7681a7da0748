"""Second factors come, go and are lost: the audit tells of each, and who runs the server takes off what is lost."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import hotp_value, yield_hotp_counters_from_time
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client

from forgeline.audit.models import Entry
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

PASSWORD = "a-long-password"
MANAGER = {"login": "alice@example.com", "password": PASSWORD}


def _code(secret: str) -> str:
    return f"{hotp_value(secret, next(iter(yield_hotp_counters_from_time()))):06d}"


def _factors_told(company: Company) -> list[tuple[str, Any]]:
    with tenant_scope(company.tenant_id):
        rows = Entry.objects.filter(action__startswith="identity.session.factor").order_by("id")
        return [(row.action.rpartition(".")[2], row.changes) for row in rows]


@pytest.fixture
def guarded(company: Company, django_capture_on_commit_callbacks: Callable[..., Any]) -> Client:
    """A browser in which the manager has just set an authenticator app up."""
    client = Client()
    assert client.post("/sign-in/", MANAGER).status_code == 302
    assert client.post("/account/sure/", {"password": PASSWORD}).status_code == 302
    page = client.get("/account/factors/totp/activate/")
    secret = page.context["form"].secret
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post("/account/factors/totp/activate/", {"code": _code(secret)})
    assert answer.status_code == 302
    return client


def test_the_audit_and_a_letter_tell_of_each_factor(company: Company, guarded: Client) -> None:
    told = _factors_told(company)
    assert told[0] == ("factor_made", {"factor": [None, "totp"]})
    assert ("factor_made", {"factor": [None, "recovery_codes"]}) in told
    page = guarded.get("/company/audit/?action=identity.session").content.decode()
    assert "second factor added" in page
    assert "authenticator app" in page
    assert guarded.post("/account/factors/totp/deactivate/").status_code == 302
    assert "(UTC)" in mail.outbox[0].body
    assert ("factor_removed", {"factor": ["totp", None]}) in _factors_told(company)


def test_what_is_lost_is_taken_off_by_who_runs_the_server(company: Company, guarded: Client) -> None:
    lost = Client()
    asked = lost.post("/sign-in/", MANAGER, follow=True)
    assert asked.redirect_chain[-1][0].startswith("/account/factors/authenticate/")
    assert "those who run this Forgeline" in asked.content.decode()
    mail.outbox.clear()
    said = io.StringIO()
    call_command("forget_factors", email=" Alice@Example.com", stdout=said)
    assert "signs in with the password alone now (recovery_codes, totp taken off)" in said.getvalue()
    assert not Authenticator.objects.exists()
    assert guarded.get("/alarms/").status_code == 302, "its sessions have ended"
    [letter] = mail.outbox
    assert letter.to == ["alice@example.com"]
    assert "alice@example.com" in letter.body
    assert _factors_told(company)[-1] == (
        "factors_forgotten",
        {"factors": [["recovery_codes", "totp"], []]},
    )
    with tenant_scope(company.tenant_id):
        row = Entry.objects.get(action="identity.session.factors_forgotten")
    assert (row.who, row.who_kind, row.subject) == ("Forgeline", "service", "alice@example.com")
    assert Client().post("/sign-in/", MANAGER)["Location"] == "/"


def test_the_command_says_what_there_was_not(company: Company) -> None:
    with pytest.raises(CommandError, match="Nobody has this e-mail address"):
        call_command("forget_factors", email="nobody@example.com")
    said = io.StringIO()
    call_command("forget_factors", email="alice@example.com", stdout=said)
    assert "had no second factor" in said.getvalue()
    assert _factors_told(company) == []
    assert mail.outbox == []
