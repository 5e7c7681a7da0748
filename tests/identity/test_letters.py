"""Invitations by letter: the link in it proves the address, the one that the inviter sees does not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from forgeline.base.errors import ForbiddenError
from forgeline.embedded.service import free_port
from forgeline.identity import people
from forgeline.identity.models import Role, User
from forgeline.identity.queries import list_memberships
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.identity.conftest import Letterbox
from tests.identity.test_people import PASSWORD, own


def test_a_person_joins_by_the_letter_they_got(
    company: Company, sign_in: Callable[[Any], Client], letterbox: Letterbox
) -> None:
    own(company)
    given = {"invite": "1", "email": "dora@example.com", "role": "operator"}
    page = sign_in(company.manager).post("/company/people/", given)
    (letter,) = letterbox.letters
    assert letter["To"] == "dora@example.com"
    [link] = re.findall(r"http://testserver(/invitations/[\w-]+/)", letter.get_content())
    assert link not in page.content.decode()
    newcomer = Client()
    assert "Operator" in newcomer.get(link).content.decode()
    weak = newcomer.post(link, {"name": "Dora", "password": "password12"})
    assert weak.status_code == 422
    assert newcomer.post(link, {"name": "Dora", "password": PASSWORD})["Location"] == "/"
    assert newcomer.get("/alarms/").status_code == 200
    assert newcomer.get("/company/people/").status_code == 403
    assert newcomer.get(link).status_code == 404
    # An operator answers alarms, but writes no rule.
    assert newcomer.get("/alarms/rules/edit/?profile=press").status_code == 403


def test_a_letter_that_cannot_go_is_said_and_the_link_stands_on_the_page(
    company: Company, sign_in: Callable[[Any], Client], settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    own(company)
    given = {"invite": "1", "email": "dora@example.com", "role": "operator"}
    page = sign_in(company.manager).post("/company/people/", given).content.decode()
    assert "The e-mail could not be sent" in page
    assert "/invitations/" in page


def test_whoever_was_only_shown_the_link_opens_no_account_in_another_name(
    company: Company, settings: Any, mailoutbox: list[Any]
) -> None:
    settings.SENDS_MAIL = True
    inviter = Client()
    inviter.force_login(company.manager)
    page = inviter.post(
        "/company/people/", {"invite": "1", "email": "dora@example.com", "role": "viewer"}
    ).content.decode()
    [shown] = set(re.findall(r"/invitations/[\w-]+/", page))
    [letter] = mailoutbox
    [mailed] = re.findall(r"/invitations/[\w-]+/", letter.body)
    assert (letter.to, mailed in page) == (["dora@example.com"], False)
    # The inviter in another browser, with another person's name and a password of his own.
    anybody = Client()
    told = anybody.get(shown).content.decode()
    assert "does not show that the address is yours" in told
    assert "password" not in told
    answer = anybody.post(shown, {"name": "Dora", "password": PASSWORD})
    assert "A letter is on its way to dora@example.com" in answer.content.decode()
    assert not User.objects.filter(email="dora@example.com").exists()
    with pytest.raises(ForbiddenError):
        people.accept(shown.split("/")[2], name="Dora", password=PASSWORD)
    # The letter that was asked for takes the place of the first one.
    [_first, second] = mailoutbox
    [newest] = re.findall(r"/invitations/[\w-]+/", second.body)
    assert anybody.get(mailed).status_code == 404
    assert anybody.post(newest, {"name": "Dora", "password": PASSWORD}).status_code == 302
    dora = User.objects.get(email="dora@example.com")
    assert [each.tenant_id for each in list_memberships(dora.pk)] == [company.tenant_id]
    assert anybody.get(shown).status_code == 404


def test_a_shown_link_serves_whoever_has_an_account_and_letters_are_bounded(
    company: Company, stranger: Company, settings: Any, mailoutbox: list[Any]
) -> None:
    settings.SENDS_MAIL = True
    with tenant_scope(company.tenant_id):
        _row, links = people.invite(email=stranger.viewer.email, role=Role.VIEWER, actor=own(company))
    anybody = Client()
    answers = [
        anybody.post(f"/invitations/{links.shown}/").status_code for _time in range(people.MOST_MAILS + 1)
    ]
    assert answers == [200] * people.MOST_MAILS + [422]
    assert len(mailoutbox) == people.MOST_MAILS
    people.accept(links.shown, user=stranger.viewer)
    assert len(list_memberships(stranger.viewer.pk)) == 2
