"""Announcements: shown to whom they are for, while they last, until each person has put them away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import override

from forgeline.base import clock
from forgeline.base.errors import ForbiddenError, InvalidInputError
from forgeline.billing import subscriptions
from forgeline.identity.policy import Actor
from forgeline.identity.queries import actor_of_member, list_memberships
from forgeline.pages import announcements
from forgeline.pages.models import Announcement, PutAway
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

SignIn = Callable[[Any], Client]
TEXTS = {"en": "We move on Sunday.", "zh-hans": "周日迁移。"}


def actor_of(company: Company, user: Any) -> Actor:
    [row] = [each for each in list_memberships(user.pk) if each.tenant_id == company.tenant_id]
    return actor_of_member(row, user_id=user.pk)


def announce(operator: Company, **more: Any) -> Announcement:
    now = clock.now()
    given = {"texts": TEXTS, "from_at": now - timedelta(hours=1), "to_at": now + timedelta(days=1), **more}
    with tenant_scope(operator.tenant_id):
        return announcements.announce(**given, actor=actor_of(operator, operator.manager))


def shown_to(company: Company, user: Any) -> list[str]:
    announcements.forget()
    with override("en"), tenant_scope(company.tenant_id):
        return [each.text for each in announcements.list_shown(actor_of(company, user))]


def test_everybody_sees_it_in_their_language_until_they_put_it_away(
    live_company: Company, operator: Company, sign_in: SignIn
) -> None:
    row = announce(operator)
    client = sign_in(live_company.viewer)
    assert "We move on Sunday." in client.get("/").content.decode()
    client.cookies["django_language"] = "zh-hans"
    assert "周日迁移。" in client.get("/").content.decode()
    assert client.get("/api/v1/announcements/").json()[0]["texts"] == TEXTS
    away = client.post(f"/announcements/{row.pk}/away/", headers={"HX-Request": "true"})
    assert (away.status_code, away.content) == (200, b"")
    assert "周日迁移。" not in client.get("/").content.decode()
    assert client.post(f"/announcements/{row.pk}/away/").status_code == 404
    assert shown_to(live_company, live_company.manager) == ["We move on Sunday."]


def test_one_plan_one_company_and_the_time_it_lasts(
    live_company: Company, live_stranger: Company, operator: Company
) -> None:
    with tenant_scope(live_stranger.tenant_id):
        subscriptions.start_trial(currency="CNY", zone="UTC")
    announce(operator, plan="professional", texts=TEXTS | {"en": "For professionals."})
    announce(operator, company_id=live_company.tenant_id, texts=TEXTS | {"en": "For Alice."})
    announce(operator, from_at=clock.now() + timedelta(hours=1), texts=TEXTS | {"en": "Tomorrow."})
    last = announce(operator, texts=TEXTS | {"en": "Withdrawn."})
    with tenant_scope(operator.tenant_id):
        announcements.withdraw(last.pk, actor=actor_of(operator, operator.manager))
    assert shown_to(live_company, live_company.viewer) == ["For Alice."]
    assert shown_to(live_stranger, live_stranger.viewer) == ["For professionals."]
    # Nobody puts away what is not shown to them.
    with tenant_scope(operator.tenant_id):
        mine = Announcement.objects.get(texts__en="For Alice.")
    with pytest.raises(Exception, match="nothing here"), tenant_scope(live_stranger.tenant_id):
        announcements.put_away(mine.pk, actor=actor_of(live_stranger, live_stranger.viewer))
    assert not PutAway.objects.exists()


def test_what_cannot_be_announced(live_company: Company, operator: Company, sign_in: SignIn) -> None:
    now = clock.now()
    for more, field in (
        ({"texts": {"en": "Only English."}}, "text_zh_hans"), ({"to_at": now - timedelta(hours=2)}, "to_at"),
        ({"company_id": 999_999}, "company_id"), ({"texts": TEXTS | {"en": "x" * 501}}, "text_en"),
        ({"company_id": 1, "plan": "free"}, "company_id"),
    ):  # fmt: skip
        with pytest.raises(InvalidInputError) as caught:
            announce(operator, **more)
        assert field in caught.value.data["fields"]
    alice = actor_of(live_company, live_company.manager)
    with pytest.raises(ForbiddenError), tenant_scope(live_company.tenant_id):
        announcements.announce(texts=TEXTS, from_at=now, to_at=now + timedelta(days=1), actor=alice)
    # Not even a row of one's own, written past the service, is shown to anybody.
    with tenant_scope(live_company.tenant_id):
        Announcement.objects.create(texts=TEXTS, from_at=now, to_at=now + timedelta(days=1))
    assert shown_to(live_company, live_company.viewer) == []


def test_by_page(live_company: Company, operator: Company, sign_in: SignIn) -> None:
    client = sign_in(operator.manager)
    facts = {
        "announce": "1", "text_en": "Maintenance.", "text_zh_hans": "维护。", "tone": "warn",
        "audience": f"company:{live_company.tenant_id}", "from_at": "2026-01-01T00:00", "to_at": "2999-01-01T00:00",
    }  # fmt: skip
    assert client.post("/operator/announcements/", facts | {"text_en": ""}).status_code == 422
    assert client.post("/operator/announcements/", facts).status_code == 302
    assert "Alice Stamping" in client.get("/operator/announcements/").content.decode()
    assert shown_to(live_company, live_company.viewer) == ["Maintenance."]
    with tenant_scope(operator.tenant_id):
        row = Announcement.objects.get()
    client.post("/operator/announcements/", {"withdraw": str(row.pk)})
    assert shown_to(live_company, live_company.viewer) == []
