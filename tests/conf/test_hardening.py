"""Production settings as Django's own check judges them, and what every answer tells a browser to refuse."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from tests.conftest import Company

PRODUCTION = {
    "FORGELINE_SECURE_COOKIES": "true",
    "FORGELINE_DEBUG": "false",
    "FORGELINE_ALLOWED_HOSTS": "plant.example.com",
    "FORGELINE_TRUSTED_ORIGINS": "https://plant.example.com",
}


def test_djangos_check_finds_nothing_under_production_settings() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=settings.BASE_DIR,
        env=os.environ | PRODUCTION | {"FORGELINE_SECRET_KEY": secrets.token_urlsafe(60)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


PAGES = ("/", "/company/people/", "/accounts/login/", "/nowhere/", "/api/docs/")
FOR_PROGRAMS = ("/api/v1/plants/", "/api/v1/plants/999/", "/api/v1/nowhere/")


@pytest.mark.parametrize("path", [*PAGES, *FOR_PROGRAMS])
def test_every_answer_carries_the_policies(
    path: str, company: Company, sign_in: Callable[[Any], Client]
) -> None:
    answer = sign_in(company.manager).get(path)
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in answer["Content-Security-Policy"].split(";")
        if directive
    )
    assert policy["frame-ancestors"] == "'none'"
    if path in FOR_PROGRAMS:
        assert policy["default-src"] == "'none'"
    else:
        assert policy["script-src"] == policy["default-src"] == "'self'"
        assert policy["object-src"] == policy["base-uri"] == "'none'"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"


def test_a_foreign_host_is_refused(company: Company, sign_in: Callable[[Any], Client]) -> None:
    """Links in letters are made of the host; one that somebody else chose must not come into them."""
    client = sign_in(company.manager)
    assert client.get("/", headers={"Host": "evil.example.org"}).status_code == 400
    asked = client.get("/", headers={"X-Forwarded-Host": "evil.example.org"})
    assert b"evil.example.org" not in asked.content


def test_a_forged_form_changes_nothing(company: Company) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(company.manager, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post("/api/v1/plants/", {"name": "Forged"}, content_type="application/json")
    assert answer.status_code == 403
