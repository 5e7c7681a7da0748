"""The process that judges: a judge for each company that nobody else judges, woken by commits or by time.

Several processes share the companies; each company has one at a time (a lease). Not here: a company's round (judge).
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterable

import structlog
from django.db import Error as DatabaseError, close_old_connections, connection

from forgeline.alarms import metrics, telling
from forgeline.alarms.judge import LEASE_S, Judge, Round
from forgeline.alarms.judging.columns import NEVER
from forgeline.base import clock
from forgeline.tenancy.scoping import list_tenant_ids

TICK_S = 0.05
"""How often the commit log is asked for news."""
RENEW_US = LEASE_S * 1_000_000 // 3
"""A company in which nothing happens has a round this often: its lease goes on."""
TENANTS_EVERY_S = 5.0
RETRY_US = 2_000_000

log = structlog.get_logger(__name__)


class AlarmProcess:
    """Runs rounds until stopped."""

    def __init__(self, owner: str = "") -> None:
        self.owner = owner or f"{socket.gethostname()}-{os.getpid()}"
        self._judges: dict[int, Judge] = {}
        self._due_us: dict[int, int] = {}
        self._stopping = threading.Event()
        self._tenants_read_s = -TENANTS_EVERY_S
        self._ticked_us = 0
        self._is_away = False

    def stop(self) -> None:
        """End after the round under way."""
        self._stopping.set()

    def run(self) -> None:
        """Judge until stopped, and give up what is judged, so that another process goes on at once."""
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                self.tick()
                if self._is_away:
                    log.info("the database is back: alarms are judged again")
                    self._is_away = False
            except DatabaseError as error:
                if not self._is_away:
                    log.warning(
                        "the database is away: alarms wait, and are judged when it is back", fault=str(error)
                    )
                    self._is_away = True
                close_old_connections()
                self._stopping.wait(1.0)
            self._stopping.wait(max(0.0, TICK_S - (time.monotonic() - started)))
        for judge in self._judges.values():
            try:
                judge.release()
            except DatabaseError as error:
                log.warning("a lease was not given up; it ends by itself", fault=str(error))
                break

    def tick(self) -> None:
        """Run the rounds that are due. **Raises** django.db.Error while the database is away."""
        if time.monotonic() - self._tenants_read_s >= TENANTS_EVERY_S:
            self._tenants_read_s = time.monotonic()
            self._meet(list_tenant_ids())
        now_us = clock.now_us()
        if now_us < self._ticked_us:
            # The clock was put back: what is due by the old one would wait for as long.
            self._due_us = dict.fromkeys(self._due_us, 0)
        self._ticked_us = now_us
        with_news = _list_news()
        for tenant_id, judge in list(self._judges.items()):
            due_us = self._due_us[tenant_id]
            # Somebody else's, or one that failed, is left alone for its time even if there is news.
            if due_us > now_us and (tenant_id not in with_news or judge.is_held_off):
                continue
            self._run(judge)

    def _meet(self, tenant_ids: Iterable[int]) -> None:
        known = set(tenant_ids)
        for tenant_id in set(self._judges) - known:
            del self._judges[tenant_id], self._due_us[tenant_id]
        for tenant_id in known - set(self._judges):
            self._judges[tenant_id] = Judge(tenant_id, self.owner)
            self._due_us[tenant_id] = 0

    def _run(self, judge: Judge) -> None:
        now_us = clock.now_us()
        with structlog.contextvars.bound_contextvars(tenant_id=judge.tenant_id):
            try:
                with metrics.ROUND_SECONDS.time():
                    found = judge.run_round(now_us)
            except DatabaseError:
                self._due_us[judge.tenant_id] = now_us + RETRY_US
                raise
            except (
                Exception
            ):  # one company's fault must not silence the others' alarms; it is counted and told
                metrics.FAILURES.inc()
                log.exception("a round of judging failed; it is done again")
                judge.is_held_off = True
                self._due_us[judge.tenant_id] = now_us + RETRY_US
                return
        self._due_us[judge.tenant_id] = _next(found, now_us)
        judge.is_held_off = not found.is_mine
        telling.show(judge.tenant_id, found.touched)


def _next(found: Round, now_us: int) -> int:
    if not found.is_mine:
        return found.until_us
    if found.again:
        return now_us
    due_us = now_us + RENEW_US
    return due_us if found.due_us == NEVER else max(now_us, min(due_us, found.due_us))


def _list_news() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM alarms_list_news()")
        return {row[0] for row in cursor.fetchall()}
