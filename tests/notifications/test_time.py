"""Duty, quiet hours, collected messages and limits: by the wall clock, also where summer time changes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from forgeline.notifications import providers, services
from forgeline.notifications.duty import Absence, Duty, Plan, Turns, next_change, who_is_on_duty
from forgeline.notifications.models import Delivery, Preference, Roster, RosterEntry
from forgeline.notifications.quiet import BACKOFF_S, Wishes, hold, next_digest, next_try, quiet_until
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.notifications.conftest import Mailbox, Robot, make_channel, make_route, text_of
from tests.notifications.test_road import announce

Work = Callable[..., int]
EVERY_DAY = frozenset(range(1, 8))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def on_duty(plan: Plan, moment: datetime, shift: str | None = None, is_holiday: bool = False) -> list[int]:
    return who_is_on_duty(plan, moment, shift=shift, is_holiday=is_holiday)


# --- rosters, pure ---


def test_weekly_times_follow_the_rosters_clock_and_run_over_midnight() -> None:
    night = Duty(1, time(22), time(6), frozenset({5}))
    day = Duty(2, time(6), time(22), frozenset({5, 6}))
    plan = Plan("Asia/Shanghai", duties=[night, day])
    # Friday 2026-03-06; Shanghai is eight hours ahead.
    assert on_duty(plan, at("2026-03-06T13:59")) == [2]
    assert on_duty(plan, at("2026-03-06T14:00")) == [1]
    assert on_duty(plan, at("2026-03-06T21:59")) == [1]
    assert on_duty(plan, at("2026-03-06T22:00")) == [2]
    assert on_duty(plan, at("2026-03-07T14:00")) == []


def test_equal_times_are_the_whole_day() -> None:
    plan = Plan("UTC", duties=[Duty(1, time(8), time(8), frozenset({1}))])
    assert on_duty(plan, at("2026-03-02T08:00")) == [1]
    assert on_duty(plan, at("2026-03-03T07:59")) == [1]
    assert on_duty(plan, at("2026-03-03T08:00")) == []


def test_turns_change_at_their_hour_and_come_round() -> None:
    plan = Plan("Europe/Berlin", turns=Turns([1, 2, 3], 7, date(2026, 3, 2), time(8)))
    assert on_duty(plan, at("2026-03-02T06:59")) == []
    assert on_duty(plan, at("2026-03-02T07:00")) == [1]
    assert on_duty(plan, at("2026-03-09T06:59")) == [1]
    assert on_duty(plan, at("2026-03-09T07:00")) == [2]
    # Summer time has come on 29 March: eight o'clock is six by UTC.
    assert on_duty(plan, at("2026-03-30T05:59")) == [1]
    assert on_duty(plan, at("2026-03-30T06:00")) == [2]


def test_holidays_and_shifts_choose_among_the_entries() -> None:
    plan = Plan("UTC", duties=[
        Duty(1, time(0), time(0), EVERY_DAY, on_holidays=False),
        Duty(2, time(0), time(0), EVERY_DAY, on_holidays=True),
        Duty(3, time(0), time(0), EVERY_DAY, shift="Late"),
    ])  # fmt: skip
    moment = at("2026-03-02T12:00")
    assert on_duty(plan, moment) == [1]
    assert on_duty(plan, moment, is_holiday=True) == [2]
    assert on_duty(plan, moment, shift="Late") == [1, 3]


def test_stand_in_takes_the_whole_duty_for_a_time() -> None:
    absence = Absence(9, at("2026-03-02T10:00"), at("2026-03-02T12:00"))
    plan = Plan("UTC", duties=[Duty(1, time(0), time(0), EVERY_DAY)], stand_ins=[absence])
    assert on_duty(plan, at("2026-03-02T09:59")) == [1]
    assert on_duty(plan, at("2026-03-02T10:00")) == [9]
    assert on_duty(plan, at("2026-03-02T12:00")) == [1]
    assert next_change(plan, at("2026-03-02T09:00")) == at("2026-03-02T10:00")


def test_next_change_is_where_somebody_else_may_begin() -> None:
    plan = Plan("Asia/Shanghai", turns=Turns([1, 2], 7, date(2026, 3, 2), time(8)))
    assert next_change(plan, at("2026-03-03T00:00")) == at("2026-03-09T00:00")
    assert next_change(Plan("UTC"), at("2026-03-03T00:00")) is None


# --- quiet hours and digests, pure ---


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-03-02T20:59", None), ("2026-03-02T21:00", "2026-03-03T05:00"), ("2026-03-03T04:59", "2026-03-03T05:00"),
        ("2026-03-03T05:00", None),
        # The night of 29 March has an hour less in Berlin.
        ("2026-03-28T22:00", "2026-03-29T04:00"),
    ],
)  # fmt: skip
def test_quiet_hours_by_the_wall_clock(moment: str, until: str | None) -> None:
    wishes = Wishes("Europe/Berlin", time(22), time(6))
    assert quiet_until(wishes, at(moment)) == (at(until) if until else None)


def test_critical_passes_quiet_hours_only_where_the_person_lets_it() -> None:
    moment = at("2026-03-02T23:00")
    lets = Wishes("UTC", time(22), time(6))
    assert hold(lets, "critical", moment) is None
    assert hold(lets, "high", moment) == ("quiet", at("2026-03-03T06:00"))
    assert hold(Wishes("UTC", time(22), time(6), lets_critical=False), "critical", moment) is not None


def test_digest_goes_at_round_times_of_the_persons_day_and_not_at_night() -> None:
    wishes = Wishes("Asia/Kolkata", digest_minutes=60)
    assert next_digest(wishes, at("2026-03-02T06:40")) == at("2026-03-02T07:30")
    assert next_digest(wishes, at("2026-03-02T07:30")) == at("2026-03-02T08:30")
    assert hold(wishes, "medium", at("2026-03-02T06:40")) is None
    night = Wishes("UTC", time(22), time(6), digest_minutes=240)
    assert hold(night, "low", at("2026-03-02T21:00")) == ("digest", at("2026-03-03T06:00"))


def test_retries_wait_longer_each_time_and_end() -> None:
    moment = at("2026-03-02T12:00")
    waits = [next_try(number, moment, jitter=0) for number in range(1, len(BACKOFF_S) + 2)]
    assert waits[-1] is None
    seconds = [(each - moment).total_seconds() for each in waits[:-1] if each]
    assert seconds == list(BACKOFF_S)
    assert next_try(1, moment, jitter=0, asked_s=120) == moment + timedelta(seconds=120)
    assert next_try(1, moment, jitter=0, asked_s=9e9) == moment + timedelta(hours=1)


# --- the same, on the road ---


def wish(company: Company, user: Any, **wishes: Any) -> None:
    with tenant_scope(company.tenant_id):
        Preference.objects.create(user=user, **wishes)


NIGHT, MORNING = at("2026-03-02T23:00"), at("2026-03-03T06:00")
QUIET: dict[str, Any] = {"zone": "UTC", "quiet_from": time(22), "quiet_to": time(6)}


def test_quiet_hours_hold_back_and_the_chain_goes_on_at_once(
    live_company: Company, mailbox: Mailbox, work: Work
) -> None:
    wish(live_company, live_company.viewer, **QUIET)
    make_route(live_company, (0, live_company.viewer), (15, live_company.manager))
    announce(live_company)
    work(live_company, NIGHT)
    # Who sleeps is not told, who is next is told at once and not after a quarter of an hour.
    assert [letter["To"] for letter in mailbox.letters] == ["alice@example.com"]
    work(live_company, MORNING - timedelta(minutes=1))
    assert mailbox.to("bob@example.com") == []
    work(live_company, MORNING)
    assert len(mailbox.to("bob@example.com")) == 1


def test_critical_message_wakes_who_allows_it(live_company: Company, mailbox: Mailbox, work: Work) -> None:
    wish(live_company, live_company.viewer, **QUIET)
    wish(live_company, live_company.manager, **QUIET, quiet_lets_critical=False)
    make_route(live_company, (0, live_company.viewer), (0, live_company.manager))
    announce(live_company, priority="critical")
    work(live_company, NIGHT)
    assert [letter["To"] for letter in mailbox.letters] == ["bob@example.com"]


def test_what_is_settled_in_the_night_is_not_told_in_the_morning(
    live_company: Company, mailbox: Mailbox, work: Work
) -> None:
    wish(live_company, live_company.viewer, **QUIET)
    make_route(live_company, (0, live_company.viewer))
    announce(live_company)
    work(live_company, NIGHT)
    with tenant_scope(live_company.tenant_id):
        services.settle("trial:42", by="cleared")
    work(live_company, MORNING)
    assert mailbox.letters == []
    with tenant_scope(live_company.tenant_id):
        row = Delivery.objects.get(via="email")
        assert (row.state, row.reason) == ("dropped", "settled")


def test_low_ones_come_as_one_message(live_company: Company, mailbox: Mailbox, work: Work) -> None:
    wish(live_company, live_company.viewer, zone="UTC", digest_minutes=60)
    make_route(live_company, (0, live_company.viewer))
    began = at("2026-03-02T12:10")
    for number in range(3):
        announce(live_company, subject=f"trial:{number}", priority="low", needs_answer=False,
                 title={"en": f"Filter {number} is dirty"})  # fmt: skip
    announce(live_company, subject="trial:9", needs_answer=False)
    work(live_company, began)
    assert [letter["Subject"] for letter in mailbox.letters] == ["[High] Press 1 is too hot"]
    work(live_company, at("2026-03-02T12:59"))
    assert len(mailbox.letters) == 1
    work(live_company, at("2026-03-02T13:00"))
    assert len(mailbox.letters) == 2
    digest = mailbox.letters[-1]
    assert digest["Subject"] == "3 messages were collected for you"
    for number in range(3):
        assert f"03-02 08:30 [Low] Filter {number} is dirty" in text_of(digest)
    with tenant_scope(live_company.tenant_id):
        assert Delivery.objects.filter(state="collected", parent__form="digest").count() == 3


def test_a_single_low_one_comes_by_itself(live_company: Company, mailbox: Mailbox, work: Work) -> None:
    wish(live_company, live_company.viewer, zone="UTC", digest_minutes=60)
    make_route(live_company, (0, live_company.viewer))
    announce(live_company, priority="low", needs_answer=False)
    work(live_company, at("2026-03-02T12:10"))
    work(live_company, at("2026-03-02T13:00"))
    assert [letter["Subject"] for letter in mailbox.letters] == ["[Low] Press 1 is too hot"]


def test_flood_becomes_one_message_and_never_silence(
    live_company: Company, mailbox: Mailbox, robot: Robot, work: Work
) -> None:
    wish(live_company, live_company.viewer, zone="UTC", most_in_10_min=5)
    group = make_channel(live_company, robot.url, most_in_10_min=4)
    make_route(live_company, (0, live_company.viewer), (0, group))
    began = at("2026-03-02T12:00")
    for number in range(25):
        announce(live_company, subject=f"trial:{number}", needs_answer=False,
                 priority="critical" if number == 24 else "high", title={"en": f"Fault {number}"})  # fmt: skip
    work(live_company, began)
    assert len(mailbox.letters) == 5
    assert len(robot.calls) == 4
    work(live_company, began + timedelta(seconds=61))
    assert len(mailbox.letters) == 6
    assert len(robot.calls) == 5
    summary = mailbox.letters[-1]
    assert summary["Subject"] == "20 more messages: look here"
    # The most urgent is not hidden behind the others.
    assert "Critical: 1 · High: 19" in text_of(summary)
    assert "[Critical] Fault 24" in text_of(summary)
    assert "/notifications/" in text_of(summary)
    assert "21 more messages: look here" in robot.calls[-1].body["markdown"]["text"]
    # A group has no bell; all of these are alarms.
    assert "(https://plant.example/alarms/)" in robot.calls[-1].body["markdown"]["text"]
    # More of the flood: the next summary comes ten minutes after the last.
    announce(live_company, subject="trial:99", needs_answer=False)
    work(live_company, began + timedelta(seconds=120))
    work(live_company, began + timedelta(minutes=5))
    assert len(mailbox.letters) == 6
    work(live_company, began + timedelta(minutes=12))
    assert mailbox.letters[-1]["Subject"] == "1 more message: look here"
    # And when it is over, each comes by itself again.
    announce(live_company, subject="trial:100", needs_answer=False)
    work(live_company, began + timedelta(minutes=30))
    assert mailbox.letters[-1]["Subject"] == "[High] Press 1 is too hot"


def test_roster_asks_the_plants_calendar(live_company: Company, mailbox: Mailbox, work: Work) -> None:
    asked: list[tuple[int, datetime]] = []

    def calendar(site_id: int, moment: datetime) -> tuple[str | None, bool]:
        asked.append((site_id, moment))
        return "Late", moment.day == 3

    providers.register_calendar(calendar)
    with tenant_scope(live_company.tenant_id):
        roster = Roster.objects.create(name="electricians", zone="UTC", site_id=7)
        days = [1, 2, 3, 4, 5, 6, 7]
        RosterEntry.objects.create(
            roster=roster, user=live_company.viewer, weekdays=days, shift="Late", holidays="not"
        )
        RosterEntry.objects.create(roster=roster, user=live_company.manager, weekdays=days, holidays="only")
    make_route(live_company, (0, roster))
    announce(live_company, needs_answer=False)
    work(live_company, at("2026-03-02T12:00"))
    assert asked[0] == (7, at("2026-03-02T12:00"))
    assert [letter["To"] for letter in mailbox.letters] == ["bob@example.com"]
    announce(live_company, needs_answer=False, subject="trial:2")
    work(live_company, at("2026-03-03T12:00"))
    assert mailbox.letters[-1]["To"] == "alice@example.com"


def test_nobody_on_duty_is_written_down_and_the_next_is_told_at_once(
    live_company: Company, mailbox: Mailbox, work: Work
) -> None:
    with tenant_scope(live_company.tenant_id):
        roster = Roster.objects.create(name="nobody", zone="UTC")
    make_route(live_company, (0, roster), (30, live_company.manager))
    announce(live_company)
    work(live_company, at("2026-03-02T12:00"))
    assert [letter["To"] for letter in mailbox.letters] == ["alice@example.com"]
    with tenant_scope(live_company.tenant_id):
        assert Delivery.objects.filter(state="nobody", reason="nobody_on_duty", to_name="nobody").count() == 1


def test_escalation_that_nobody_answers_ends_after_a_week_and_says_so(
    live_company: Company, mailbox: Mailbox, work: Work
) -> None:
    make_route(live_company, (0, live_company.manager), repeat_minutes=30)
    announce(live_company)
    began = at("2026-03-02T12:00")
    work(live_company, began)
    work(live_company, began + timedelta(days=6))
    assert len(mailbox.letters) == 2
    for days in (8, 9, 20):
        work(live_company, began + timedelta(days=days))
    assert len(mailbox.letters) == 2
    with tenant_scope(live_company.tenant_id):
        assert Delivery.objects.filter(reason="unanswered").count() == 1
