"""With the real plant's calendar, and with a real Celery worker that is called after the commit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

from forgeline.assets import services as assets
from forgeline.assets.models import Shift
from forgeline.base.errors import InvalidInputError
from forgeline.conf import plant_facts
from forgeline.notifications import editing, services
from forgeline.notifications.models import Delivery, Escalation
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.demoplant.house import ROOT, until
from tests.notifications.conftest import Mailbox, make_route
from tests.notifications.test_road import announce


def test_shift_and_holiday_come_from_the_plants_calendar(company: Company, stranger: Company) -> None:
    with tenant_scope(company.tenant_id):
        site = assets.create_site(name="Works", zone="Asia/Shanghai", names={"zh-hans": "工厂"})
        assets.create_shift(
            site_id=site.pk, name="Late", starts_at=time(14), ends_at=time(22), weekdays=[1, 2, 3, 4, 5]
        )
        assets.set_day(site_id=site.pk, on=date(2026, 3, 4), is_working=False, name="Works outing")
        # Monday 2026-03-02, three and eleven in the afternoon of Shanghai.
        assert plant_facts.read_calendar(site.pk, datetime(2026, 3, 2, 7, tzinfo=UTC)) == ("Late", False)
        # Whoever asks in whatever language: a roster's entry is tied to the shift's own name.
        Shift.objects.update(names={"en": "Second", "zh-hans": "中班"})
        with translation.override("zh-hans"):
            assert plant_facts.read_calendar(site.pk, datetime(2026, 3, 2, 7, tzinfo=UTC)) == ("Late", False)
            assert plant_facts.list_shift_names(site.pk) == {"Late": "中班"}
        assert plant_facts.read_calendar(site.pk, datetime(2026, 3, 2, 15, tzinfo=UTC)) == (None, False)
        assert plant_facts.read_calendar(site.pk, datetime(2026, 3, 4, 7, tzinfo=UTC)) == (None, True)
        place = plant_facts.list_places()[site.pk]
        assert (place.title_in("en"), place.title_in("zh-hans"), place.zone) == (
            "Works",
            "工厂",
            "Asia/Shanghai",
        )
    with tenant_scope(stranger.tenant_id):
        assert plant_facts.read_calendar(site.pk, datetime(2026, 3, 2, 7, tzinfo=UTC)) == (None, False)
        assert plant_facts.list_places() == {}
        assert plant_facts.list_shift_names(site.pk) == {}


def test_entry_tied_to_a_shift_that_is_not_is_refused(company: Company) -> None:
    with tenant_scope(company.tenant_id):
        site = assets.create_site(name="Works")
        assets.create_shift(site_id=site.pk, name="Late", starts_at=time(14), ends_at=time(22), weekdays=[1])
        entry = {"user_id": company.viewer.pk, "weekdays": [1], "shift": "Night"}
        for site_id in (site.pk, None):
            with pytest.raises(InvalidInputError, match="There is no shift of this name"):
                editing.create_roster(name="x", site_id=site_id, entries=[entry])
        editing.create_roster(name="x", site_id=site.pk, entries=[entry | {"shift": "Late"}])


@pytest.fixture
def worker(
    live_company: Company, child_environment: dict[str, str], mailbox: Mailbox, settings: Any, tmp_path: Path
) -> Iterator[None]:
    """A real worker and a real beat, with the mail server of this test."""
    environment = child_environment | {"FORGELINE_EMAIL_URL": f"smtp://127.0.0.1:{settings.EMAIL_PORT}"}
    celery = [sys.executable, "-m", "celery", "-A", "forgeline.conf.celery:app"]
    commands = (
        [*celery, "worker", "--pool", "solo", "--loglevel", "INFO", "--without-mingle", "--without-gossip"],
        [*celery, "beat", "--loglevel", "INFO", "--pidfile", ""],
    )
    processes = []
    for number, command in enumerate(commands):
        with (tmp_path / f"celery{number}.log").open("wb") as log:
            processes.append(
                subprocess.Popen(
                    command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
                )
            )
    until(lambda: b" ready." in (tmp_path / "celery0.log").read_bytes())
    yield
    for process in processes:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def test_a_message_goes_out_by_the_worker_and_later_steps_by_beat(
    live_company: Company, worker: None, mailbox: Mailbox
) -> None:
    services._woken_at.clear()
    make_route(live_company, (0, live_company.viewer), (5, live_company.manager))
    announce(live_company)
    until(lambda: bool(mailbox.to("bob@example.com")))
    # Five minutes are over, for the database at least: nobody but the sweep finds that out.
    with tenant_scope(live_company.tenant_id):
        row = Escalation.objects.get()
        Escalation.objects.filter(pk=row.pk).update(due_at=row.began_at)
    until(lambda: bool(mailbox.to("alice@example.com")))
    with tenant_scope(live_company.tenant_id):
        until(lambda: not Delivery.objects.exclude(state="sent").exists())
