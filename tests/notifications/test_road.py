"""The main road: announced, told, escalated, answered; each to whom and in which words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from forgeline.base import clock
from forgeline.notifications import services
from forgeline.notifications.models import Attempt, Delivery, Escalation, Notice
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.notifications.conftest import Mailbox, Robot, make_channel, make_message, make_route, text_of

Work = Callable[..., int]
MINUTE = timedelta(minutes=1)


def announce(company: Company, **changed: object) -> None:
    with tenant_scope(company.tenant_id):
        services.announce(make_message(**changed))


def test_message_reaches_a_person_by_mail_and_bell(
    live_company: Company, mailbox: Mailbox, work: Work
) -> None:
    make_route(live_company, (0, live_company.manager))
    announce(live_company)
    assert work(live_company, clock.now()) == 1
    (letter,) = mailbox.letters
    assert letter["To"] == "alice@example.com"
    assert letter["Subject"] == "[High] Press 1 is too hot"
    assert "81.5 °C, limit 80 °C" in text_of(letter)
    assert "2026-03-02 08:30:00 (UTC)" in text_of(letter)
    with tenant_scope(live_company.tenant_id):
        assert sorted(Delivery.objects.values_list("via", "state")) == [("bell", "sent"), ("email", "sent")]
        (attempt,) = Attempt.objects.all()
        assert attempt.is_sent


def test_what_is_rolled_back_is_told_to_nobody(live_company: Company, mailbox: Mailbox, work: Work) -> None:
    make_route(live_company, (0, live_company.manager))

    def fail_after_announcing() -> None:
        with tenant_scope(live_company.tenant_id):
            services.announce(make_message())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_announcing()
    with tenant_scope(live_company.tenant_id):
        assert not Notice.objects.exists()
    assert work(live_company, clock.now()) == 0
    assert mailbox.letters == []


def test_each_reads_in_his_language_by_his_clock(live_company: Company, mailbox: Mailbox, work: Work) -> None:
    viewer = live_company.viewer
    viewer.language = "zh-hans"
    viewer.save()
    make_route(live_company, (0, live_company.manager), (0, viewer))
    announce(live_company)
    work(live_company, clock.now())
    (chinese,) = mailbox.to("bob@example.com")
    assert "1号冲床温度过高" in chinese["Subject"]
    assert "81.5 °C，限值 80 °C" in text_of(chinese)
    (english,) = mailbox.to("alice@example.com")
    assert "Press 1 is too hot" in english["Subject"]


def test_escalation_goes_on_until_it_is_answered(
    live_company: Company, mailbox: Mailbox, robot: Robot, work: Work
) -> None:
    group = make_channel(live_company, robot.url)
    make_route(
        live_company, (0, live_company.viewer), (10, live_company.manager), (20, group), repeat_minutes=30
    )
    began = clock.now()
    announce(live_company)
    work(live_company, began)
    assert [letter["To"] for letter in mailbox.letters] == ["bob@example.com"]
    work(live_company, began + 9 * MINUTE)
    assert len(mailbox.letters) == 1
    work(live_company, began + 10 * MINUTE)
    assert [letter["To"] for letter in mailbox.letters] == ["bob@example.com", "alice@example.com"]
    work(live_company, began + 20 * MINUTE)
    assert len(robot.calls) == 1
    # The chain begins again: nobody has answered.
    work(live_company, began + 50 * MINUTE)
    assert len(mailbox.to("bob@example.com")) == 2
    with tenant_scope(live_company.tenant_id):
        services.settle("trial:42", by="Alice")
        assert Escalation.objects.get().ended_by == "Alice"
    work(live_company, began + 51 * MINUTE)
    told = [letter["Subject"] for letter in mailbox.letters[3:]]
    assert sorted(told) == ["Done: Press 1 is too hot"] * 2
    assert "Answered by Alice." in text_of(mailbox.letters[-1])
    letters, calls = len(mailbox.letters), len(robot.calls)
    assert calls == 2
    # Settled once more, and long after: silence.
    with tenant_scope(live_company.tenant_id):
        services.settle("trial:42", by="Bob")
    work(live_company, began + 500 * MINUTE)
    assert (len(mailbox.letters), len(robot.calls)) == (letters, calls)


def test_what_needs_no_answer_goes_no_further_than_the_first_steps(
    live_company: Company, mailbox: Mailbox, work: Work
) -> None:
    make_route(live_company, (0, live_company.viewer), (10, live_company.manager), repeat_minutes=30)
    announce(live_company, needs_answer=False)
    began = clock.now()
    work(live_company, began)
    work(live_company, began + 600 * MINUTE)
    assert [letter["To"] for letter in mailbox.letters] == ["bob@example.com"]


def test_later_message_of_a_subject_belongs_to_it(
    live_company: Company, mailbox: Mailbox, work: Work
) -> None:
    make_route(live_company, (0, live_company.viewer), (10, live_company.manager))
    began = clock.now()
    announce(live_company)
    work(live_company, began)
    announce(live_company, title={"en": "Press 1 is far too hot"}, priority="critical")
    work(live_company, began + MINUTE)
    with tenant_scope(live_company.tenant_id):
        assert Escalation.objects.count() == 1
    assert [letter["Subject"] for letter in mailbox.to("bob@example.com")] == [
        "[High] Press 1 is too hot", "[Critical] Press 1 is far too hot",
    ]  # fmt: skip
    work(live_company, began + 10 * MINUTE)
    (letter,) = mailbox.to("alice@example.com")
    assert letter["Subject"] == "[Critical] Press 1 is far too hot"


def test_routes_choose_by_priority_kind_and_plant(
    live_company: Company, mailbox: Mailbox, work: Work
) -> None:
    make_route(live_company, (0, live_company.manager), min_priority="high", kinds=["trial.*"])
    make_route(live_company, (0, live_company.viewer), name="plant 7", site_id=7)
    at = clock.now()
    announce(live_company, priority="medium", subject="trial:1")
    announce(live_company, kind="other.raised", subject="trial:2")
    announce(live_company, site_id=7, subject="trial:3")
    announce(live_company, site_id=8, subject="trial:4", priority="critical")
    work(live_company, at)
    assert sorted(letter["To"] for letter in mailbox.letters) == [
        "alice@example.com", "alice@example.com", "bob@example.com",
    ]  # fmt: skip


def test_no_route_rings_the_managers_and_says_so(live_company: Company, mailbox: Mailbox, work: Work) -> None:
    announce(live_company)
    work(live_company, clock.now())
    assert mailbox.letters == []
    with tenant_scope(live_company.tenant_id):
        rows = {(row.via, row.user_id, row.reason) for row in Delivery.objects.all()}
    assert rows == {("bell", live_company.manager.pk, ""), ("", None, "no_route")}


def test_who_is_named_twice_is_told_once(live_company: Company, mailbox: Mailbox, work: Work) -> None:
    make_route(live_company, (0, live_company.manager))
    make_route(live_company, (0, live_company.manager), name="again")
    announce(live_company)
    work(live_company, clock.now())
    assert len(mailbox.letters) == 1


def test_announcing_is_refused_with_every_fault(live_company: Company) -> None:
    happened = clock.now().replace(tzinfo=None)
    with pytest.raises(ValueError, match=r"subject .* priority .* zone"):
        announce(live_company, subject="42", priority="urgent", happened_at=happened)


def test_announcing_needs_a_tenant(live_db: None) -> None:
    from forgeline.tenancy.context import TenancyError

    with pytest.raises(TenancyError), transaction.atomic():
        services.announce(make_message())


def test_many_subjects_end_together(
    live_company: Company, mailbox: Mailbox, work: Work, django_assert_max_num_queries: Any
) -> None:
    make_route(live_company, (0, live_company.viewer))
    for number in range(10):
        announce(live_company, subject=f"trial:{number}")
    announce(live_company, subject="trial:99", needs_answer=False)
    work(live_company, clock.now())
    with tenant_scope(live_company.tenant_id), django_assert_max_num_queries(30):
        services.settle_all([f"trial:{number}" for number in (*range(10), 99, 1000)], by="")
    work(live_company, clock.now())
    ends = [letter for letter in mailbox.letters if letter["Subject"].startswith("Done: ")]
    # Eleven messages and four ends are the fifteen of ten minutes; the other ends come in one message.
    assert len(ends) == 4
    assert "It is over." in text_of(ends[0])
