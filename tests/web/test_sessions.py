"""Where a person is signed in: as people call it, and ended one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client

from forgeline.web.views.sessions import device_word
from tests.conftest import Company

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "word"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0 Safari/537.36", "Chrome, Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 15.0; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox, macOS",
        ),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {WEBKIT} Version/18.0 Safari/604.1",
            "Safari, iPhone",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 15) {WEBKIT} Chrome/130 Mobile Safari MicroMessenger/8.0",
            "WeChat, Android",
        ),
        ("curl/8.5.0", "curl"),
        ("", "unknown"),
    ],
)
def test_a_browser_is_called_as_people_call_it(agent: str, word: str) -> None:
    assert device_word(agent) == word


def test_one_session_ends_and_nobody_elses(
    company: Company, stranger: Company, sign_in: Callable[[Any], Client]
) -> None:
    here, there, foreign = sign_in(company.manager), sign_in(company.manager), sign_in(stranger.manager)
    ids = {
        client: UserSession.objects.create(
            user_id=client.session["_auth_user_id"], session_key=client.session.session_key, ip="127.0.0.1"
        ).pk
        for client in (here, there, foreign)
    }
    for wanted in (ids[here], ids[foreign], ids[there], 10**18, "x"):
        assert here.post("/account/sessions/", {"session": wanted}).status_code == 302
    assert here.get("/account/sessions/").status_code == 200
    assert foreign.get("/account/sessions/").status_code == 200
    assert there.get("/account/sessions/").status_code == 302
