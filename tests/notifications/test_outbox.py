"""The outbox under stress: retries, several workers, a worker killed between sending and writing; tenants apart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

from forgeline.base import clock
from forgeline.notifications import outbox, queries, services
from forgeline.notifications.models import Attempt, Channel, Delivery, Escalation, Notice
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.demoplant.house import ROOT, until
from tests.notifications.conftest import Mailbox, Robot, make_channel, make_message, make_route
from tests.notifications.test_road import announce

Work = Callable[..., int]
MINUTE = timedelta(minutes=1)


def test_what_fails_for_now_is_tried_again_later_with_the_same_key(
    live_company: Company, robot: Robot, work: Work
) -> None:
    make_route(live_company, (0, make_channel(live_company, robot.url)))
    robot.answers += [(503, b"", {}), (200, b'{"errcode": 130101, "errmsg": "too fast"}', {})]
    began = clock.now()
    announce(live_company)
    assert work(live_company, began) == 0
    work(live_company, began + timedelta(seconds=5))
    assert len(robot.calls) == 1
    work(live_company, began + timedelta(seconds=15))
    # The robot asked for a minute; the second wait of ours would have been half of it.
    work(live_company, began + timedelta(seconds=60))
    assert len(robot.calls) == 2
    assert work(live_company, began + timedelta(seconds=90)) == 1
    assert len({call.headers["Idempotency-Key"] for call in robot.calls}) == 1
    with tenant_scope(live_company.tenant_id):
        assert list(Attempt.objects.values_list("is_sent", "reason")) == [
            (False, "refused_for_now"), (False, "refused_for_now"), (True, ""),
        ]  # fmt: skip
        row = Delivery.objects.get(via="dingtalk")
        assert (row.state, row.attempts, row.reason) == ("sent", 3, "")


def test_what_never_goes_is_given_up_and_the_chain_goes_on_at_once(
    live_company: Company, robot: Robot, mailbox: Mailbox, work: Work
) -> None:
    group = make_channel(live_company, robot.url)
    make_route(live_company, (0, group), (60, live_company.manager))
    robot.answers.append((404, b"gone", {}))
    announce(live_company)
    work(live_company, clock.now())
    assert [letter["To"] for letter in mailbox.letters] == ["alice@example.com"]
    with tenant_scope(live_company.tenant_id):
        row = Delivery.objects.get(via="dingtalk")
        assert (row.state, row.reason, row.detail) == ("failed", "refused", "404 gone")


def test_retries_end_after_some_hours(live_company: Company, robot: Robot, work: Work) -> None:
    make_route(live_company, (0, make_channel(live_company, robot.url)))
    robot.answers += [(500, b"", {})] * 50
    announce(live_company, needs_answer=False)
    began = clock.now()
    for hours in range(12):
        for minute in range(0, 60, 5):
            work(live_company, began + timedelta(hours=hours, minutes=minute))
    assert len(robot.calls) == 9
    with tenant_scope(live_company.tenant_id):
        assert Delivery.objects.get(via="dingtalk").state == "failed"


def test_secret_of_another_key_is_told(live_company: Company, robot: Robot, work: Work) -> None:
    channel = make_channel(live_company, robot.url)
    with tenant_scope(live_company.tenant_id):
        Channel.objects.filter(pk=channel.pk).update(address_sealed="gAAAAAB" + "x" * 93)
    make_route(live_company, (0, channel))
    announce(live_company)
    work(live_company, clock.now())
    assert robot.calls == []
    with tenant_scope(live_company.tenant_id):
        assert Delivery.objects.get(via="dingtalk").reason == "secret_unreadable"


def test_several_workers_send_each_message_once(live_company: Company, robot: Robot) -> None:
    make_route(live_company, (0, make_channel(live_company, robot.url, most_in_10_min=200)))
    for number in range(120):
        announce(live_company, subject=f"trial:{number}")

    def run(_number: int) -> int:
        try:
            return outbox.work(live_company.tenant_id)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(run, range(4)))
    keys = [call.headers["Idempotency-Key"] for call in robot.calls]
    assert len(keys) == len(set(keys)) == sum(sent) == 120
    with tenant_scope(live_company.tenant_id):
        assert Escalation.objects.count() == 0
        assert not Delivery.objects.exclude(state="sent").exists()


def test_several_workers_keep_the_limit_together(live_company: Company, robot: Robot) -> None:
    make_route(live_company, (0, make_channel(live_company, robot.url, most_in_10_min=7)))
    for number in range(60):
        announce(live_company, subject=f"trial:{number}", needs_answer=False)

    def run(_number: int) -> None:
        try:
            outbox.work(live_company.tenant_id)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    assert len(robot.calls) == 7
    with tenant_scope(live_company.tenant_id):
        assert Delivery.objects.filter(form="summary").count() == 1
        assert Delivery.objects.filter(state="collected").count() == 53


@pytest.fixture
def slow_robot() -> Iterator[tuple[str, list[str], threading.Event]]:
    """A robot that takes a message at once and answers only when it may."""
    keys: list[str] = []
    may_answer = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            keys.append(self.headers["Idempotency-Key"])
            may_answer.wait(20)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"errcode": 0}')

        def log_message(self, *_words: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook", keys, may_answer
    may_answer.set()
    server.shutdown()
    server.server_close()


WORKER = "import django; django.setup(); from forgeline.notifications import outbox; outbox.work({tenant})"


def test_worker_killed_between_sending_and_writing_loses_nothing(
    live_company: Company, child_environment: dict[str, str], tmp_path: Path, settings: Any,
    slow_robot: tuple[str, list[str], threading.Event],
) -> None:  # fmt: skip
    """At least once: the robot gets it twice, with one key by which it can tell."""
    url, keys, may_answer = slow_robot
    settings.NOTIFICATIONS = settings.NOTIFICATIONS | {"ALLOW_PRIVATE": True}
    make_route(live_company, (0, make_channel(live_company, url)))
    announce(live_company)
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER.format(tenant=live_company.tenant_id)], cwd=ROOT, stdout=log, stderr=log,
            env=child_environment | {"FORGELINE_MESSAGES_TO_PRIVATE": "true"},
        )  # fmt: skip
    try:
        until(lambda: bool(keys))
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait(10)
    may_answer.set()
    with tenant_scope(live_company.tenant_id):
        row = Delivery.objects.get(via="dingtalk")
        assert (row.state, row.attempts) == ("sending", 1)
        claimed_until = row.claimed_until
    assert claimed_until is not None
    # Nobody takes it while the claim holds; the sweep sees the tenant when it has run out.
    assert outbox.work(live_company.tenant_id) == 0
    assert queries.list_due_tenant_ids(claimed_until - timedelta(seconds=5)) == []
    later = claimed_until + timedelta(seconds=1)
    assert queries.list_due_tenant_ids(later) == [live_company.tenant_id]
    assert outbox.work(live_company.tenant_id, now=lambda: later) == 1
    assert len(keys) == 2
    assert len(set(keys)) == 1
    with tenant_scope(live_company.tenant_id):
        assert Delivery.objects.get(via="dingtalk").state == "sent"
        assert list(Attempt.objects.values_list("is_sent", "reason")) == [(False, "worker_lost"), (True, "")]


def test_late_worker_does_not_overwrite_who_took_over(
    live_company: Company, robot: Robot, work: Work
) -> None:
    make_route(live_company, (0, make_channel(live_company, robot.url)))
    announce(live_company)
    at = clock.now()
    with tenant_scope(live_company.tenant_id):
        outbox.routing.route_new(at)
        (job,), _taken = outbox.claim(at)
    assert work(live_company, at + 3 * MINUTE) == 1
    with tenant_scope(live_company.tenant_id):
        error = outbox.SendError("no_answer", is_final=True)
        outbox.write_down(outbox.Outcome(job, 1, error), at + 4 * MINUTE)
        assert Delivery.objects.get(via="dingtalk").state == "sent"


ANNOUNCER = """
import time, django; django.setup()
from forgeline.notifications import services
from forgeline.tenancy.scoping import tenant_scope
from tests.notifications.conftest import make_message
began = time.monotonic()
with tenant_scope({tenant}):
    services.announce(make_message())
print(time.monotonic() - began)
"""


def test_announcing_does_not_wait_for_a_broker_that_is_away(
    live_company: Company, child_environment: dict[str, str]
) -> None:
    """By default Celery tries for six seconds, in which a judge would stand still."""
    said = subprocess.run(
        [sys.executable, "-c", ANNOUNCER.format(tenant=live_company.tenant_id)], cwd=ROOT, check=True,
        capture_output=True, text=True, env=child_environment | {"FORGELINE_REDIS_URL": "redis://127.0.0.1:1/0"},
    )  # fmt: skip
    assert float(said.stdout.split()[-1]) < 4
    with tenant_scope(live_company.tenant_id):
        assert Notice.objects.count() == 1


def test_tenants_are_apart(live_company: Company, live_stranger: Company, robot: Robot, work: Work) -> None:
    make_route(live_company, (0, make_channel(live_company, robot.url)))
    with tenant_scope(live_stranger.tenant_id):
        services.announce(make_message(title={"en": "Secret casting"}))
        assert Channel.objects.count() == 0
    assert queries.list_due_tenant_ids() == [live_stranger.tenant_id]
    assert work(live_company, clock.now()) == 0
    work(live_stranger, clock.now())
    assert robot.calls == []
    # Row-level security says the same to raw SQL.
    with tenant_scope(live_company.tenant_id), connection.cursor() as cursor:
        for table in ("notice", "delivery", "channel", "route"):
            cursor.execute(
                f"SELECT count(*) FROM notifications_{table} WHERE tenant_id <> %s", [live_company.tenant_id]
            )
            assert cursor.fetchone() == (0,)


def test_sweep_calls_a_worker_to_whoever_has_something_due(
    live_company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    from forgeline.notifications import tasks

    called: list[int] = []
    monkeypatch.setattr(tasks.work, "delay", called.append)
    tasks.sweep()
    assert called == []
    announce(live_company)
    tasks.sweep()
    assert called == [live_company.tenant_id]


def test_log_is_kept_for_a_time(live_company: Company, mailbox: Mailbox, work: Work) -> None:
    make_route(live_company, (0, live_company.manager))
    announce(live_company, needs_answer=False)
    announce(live_company, needs_answer=False, subject="trial:2")
    work(live_company, clock.now())
    with tenant_scope(live_company.tenant_id):
        old = clock.now() - timedelta(days=181)
        Notice.objects.filter(subject="trial:2").update(announced_at=old)
    outbox.trim()
    with tenant_scope(live_company.tenant_id):
        assert [row.subject for row in Notice.objects.all()] == ["trial:42"]
        assert set(Delivery.objects.values_list("notice__subject", flat=True)) == {"trial:42"}


def test_one_broken_message_or_letter_stops_no_other(
    live_company: Company, mailbox: Mailbox, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    from forgeline.notifications import composing, routing

    fits, word = routing.fits, composing._single

    def broken_fits(route: Any, notice: Notice) -> bool:
        if notice.subject == "trial:1":
            raise KeyError("broken")
        return fits(route, notice)

    def broken_word(delivery: Delivery, directory: Any) -> Any:
        if delivery.notice is not None and delivery.notice.subject == "trial:2":
            raise KeyError("broken")
        return word(delivery, directory)

    monkeypatch.setattr(routing, "fits", broken_fits)
    monkeypatch.setattr(composing, "_single", broken_word)
    make_route(live_company, (0, live_company.manager))
    for number in range(1, 4):
        announce(live_company, subject=f"trial:{number}", title={"en": f"Fault {number}"}, needs_answer=False)
    work(live_company, clock.now())
    assert [letter["Subject"] for letter in mailbox.letters] == ["[High] Fault 3"]
    with tenant_scope(live_company.tenant_id):
        rows = Delivery.objects.exclude(via="bell").order_by("notice_id")
        assert [(row.state, row.reason) for row in rows] == [
            ("nobody", "fault"),
            ("waiting", "fault"),
            ("sent", ""),
        ]
