"""A forgotten password over a real mail server: the letter arrives, its link works once, and letters are bounded."""

from __future__ import annotations

import re
from email.message import EmailMessage
from typing import Any

from django.test import Client

from tests.conftest import Company
from tests.identity.conftest import Letterbox


def _ask(email: str, **named: Any) -> Any:
    return Client(**named).post("/password/", {"email": email})


def _link(letter: EmailMessage) -> str:
    found = re.search(r"https?://[^/\s]+(/password/\S+)", letter.get_content())
    assert found
    return found.group(1)


def test_link_of_the_letter_sets_a_new_password_once(company: Company, letterbox: Letterbox) -> None:
    assert _ask("Alice@example.com").status_code == 302
    (letter,) = letterbox.letters
    assert letter["To"] == "alice@example.com"
    link = _link(letter)

    client = Client()
    form = client.get(link, follow=True)
    address = form.redirect_chain[-1][0]
    assert link.split("/")[-2] not in address
    weak = client.post(address, {"new_password1": "password", "new_password2": "password"})
    assert weak.status_code == 200
    chosen = "three-grey-presses"
    assert client.post(address, {"new_password1": chosen, "new_password2": chosen}).status_code == 302

    for password, code in (("a-long-password", 200), (chosen, 302)):
        answer = Client().post("/sign-in/", {"login": "alice@example.com", "password": password})
        assert answer.status_code == code
    again = Client().get(link, follow=True)
    assert again.context["validlink"] is False


def test_letter_speaks_the_readers_language(company: Company, letterbox: Letterbox) -> None:
    _ask("alice@example.com", headers={"Accept-Language": "zh-hans"})
    assert "密码" in letterbox.letters[0]["Subject"]
    assert "密码" in letterbox.letters[0].get_content()


def test_unknown_address_gets_the_same_answer_and_no_letter(company: Company, letterbox: Letterbox) -> None:
    known, unknown = _ask("alice@example.com"), _ask("nobody@example.com")
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert [letter["To"] for letter in letterbox.letters] == ["alice@example.com"]


def test_nobodys_letterbox_is_flooded(company: Company, letterbox: Letterbox) -> None:
    answers = {
        (answer.status_code, answer["Location"]) for answer in (_ask("alice@example.com") for _ in range(6))
    }
    assert len(answers) == 1
    assert len(letterbox.letters) == 3
    _ask("bob@example.com")
    assert letterbox.letters[-1]["To"] == "bob@example.com"
