"""What a connector process tells of its connections: states, counters, rates, undecodables, written every two seconds.

Counters are kept as sums over all processes and starts: each writes what it has counted since it last wrote.
Not here: the counting (runtime), who reads it (queries).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.contract import ConnectionState, Undecodable as Kept
from connectors.models import Connection, ConnectionStatus, Undecodable
from connectors.runtime.counters import KEPT_EVENTS, KEPT_UNDECODABLES, Counters
from forgeline.base.clock import from_us, now
from forgeline.tenancy.scoping import tenant_scope

_RENEW_S = 5.0
"""A state that did not change is written this often all the same: an old one means that the process is gone."""
_RATE_SPAN = 5
_TOLD_FIELDS = (
    "counters", "rates", "state", "fault_key", "fault", "since", "owner", "events", "last_value_at", "updated_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """What a process says of a connection now."""

    state: ConnectionState
    since_us: int
    fault_key: str = ""
    fault: str = ""


@dataclass(slots=True, eq=False)
class Account:
    """One connection's counters in this process, and how far they are written."""

    tenant_id: int
    connection_id: int
    counters: Counters
    written: dict[str, Any] = field(default_factory=dict)
    undecodables_written: int = 0
    told: Told | None = None
    written_at_s: float = 0.0
    rates: deque[tuple[float, int, int]] = field(default_factory=lambda: deque(maxlen=_RATE_SPAN + 1))


class Ledger:
    """The accounts of a process. Used by its control thread only."""

    def __init__(self, process: str) -> None:
        self._process = process
        self.accounts: dict[int, Account] = {}

    def open(self, connection_id: int, tenant_id: int) -> Counters:
        """Return the counters of a connection, the same ones for as long as the process lives."""
        account = self.accounts.get(connection_id)
        if account is None:
            account = Account(tenant_id, connection_id, Counters(connection_id=connection_id))
            self.accounts[connection_id] = account
        return account.counters

    def write(self, told: Mapping[int, Told]) -> None:
        """Write what has changed; ``told`` has an entry for each connection that runs here."""
        now_s = time.monotonic()
        due: dict[int, list[Account]] = {}
        for account in self.accounts.values():
            snapshot = account.counters.snapshot()
            news = told.get(account.connection_id)
            is_due = snapshot != account.written or (
                news is not None and (news != account.told or now_s - account.written_at_s >= _RENEW_S)
            )
            if is_due:
                due.setdefault(account.tenant_id, []).append(account)
        for tenant_id, accounts in due.items():
            with tenant_scope(tenant_id):
                alive = set(
                    Connection.objects.filter(pk__in=[each.connection_id for each in accounts]).values_list(
                        "pk", flat=True
                    )
                )
                here = [account for account in accounts if account.connection_id in alive]
                statuses = _lock_statuses([account.connection_id for account in here])
                done = [
                    self._note(
                        statuses[account.connection_id], account, told.get(account.connection_id), now_s
                    )
                    for account in here
                ]
                # The rows are there and locked; an update of hundreds by CASE takes ten times as long as this.
                ConnectionStatus.objects.bulk_create(
                    statuses.values(),
                    update_conflicts=True, unique_fields=["connection"], update_fields=_TOLD_FIELDS,
                )  # fmt: skip
            # Only what is committed counts as written.
            for account, snapshot, total in done:
                account.written, account.undecodables_written = snapshot, total
                account.told = told.get(account.connection_id)
                account.written_at_s = now_s

    def _note(
        self, status: ConnectionStatus, account: Account, told: Told | None, now_s: float
    ) -> tuple[Account, dict[str, Any], int]:
        counters = account.counters
        snapshot, total = counters.snapshot(), counters.undecodable_total
        status.counters = _sum(status.counters, snapshot, account.written)
        account.rates.append((now_s, counters.received, counters.stored))
        status.rates = _rates(account.rates)
        if told is not None:
            status.state, status.fault_key, status.fault = told.state, told.fault_key, told.fault[:500]
            status.since, status.owner = from_us(told.since_us), self._process
        if counters.events:
            status.events = list(counters.events)[-KEPT_EVENTS:]
        if counters.last_ts_us:
            newest = from_us(counters.last_ts_us)
            status.last_value_at = max(status.last_value_at or newest, newest)
        status.updated_at = now()
        self._keep(account, min(total - account.undecodables_written, KEPT_UNDECODABLES))
        return account, snapshot, total

    def _keep(self, account: Account, fresh: int) -> None:
        if fresh <= 0:
            return
        Undecodable.objects.bulk_create(
            _row(account.connection_id, kept) for kept in list(account.counters.undecodables)[-fresh:]
        )
        last = Undecodable.objects.filter(connection_id=account.connection_id).order_by("-id")
        oldest_kept = last.values_list("pk", flat=True)[KEPT_UNDECODABLES - 1 : KEPT_UNDECODABLES].first()
        if oldest_kept is not None:
            Undecodable.objects.filter(connection_id=account.connection_id, pk__lt=oldest_kept).delete()

    def hand_over(self, connection_ids: Iterable[int]) -> None:
        """Say of connections that stopped here that nobody runs them now."""
        by_tenant: dict[int, list[int]] = {}
        for connection_id in connection_ids:
            account = self.accounts.get(connection_id)
            if account is not None:
                by_tenant.setdefault(account.tenant_id, []).append(connection_id)
                account.told = None
        for tenant_id, ids in by_tenant.items():
            with tenant_scope(tenant_id):
                ConnectionStatus.objects.filter(connection_id__in=ids, owner=self._process).update(
                    owner="", state=ConnectionState.UNOWNED, rates={}
                )


def _lock_statuses(connection_ids: list[int]) -> dict[int, ConnectionStatus]:
    """Return a locked status for each connection, making those that are missing; always in the same order."""
    rows = ConnectionStatus.objects.select_for_update().filter(connection_id__in=connection_ids)
    found = {row.connection_id: row for row in rows.order_by("connection_id")}
    missing = [each for each in connection_ids if each not in found]
    if missing:
        ConnectionStatus.objects.bulk_create(
            (ConnectionStatus(connection_id=each) for each in missing), ignore_conflicts=True
        )
        found |= {row.connection_id: row for row in rows.filter(connection_id__in=missing)}
    return found


def _row(connection_id: int, kept: Kept) -> Undecodable:
    return Undecodable(
        connection_id=connection_id,
        received_at=from_us(kept.received_us),
        source=_plain(kept.source)[:400],
        payload=kept.payload,
        reason=kept.reason[:80],
        detail=_plain(kept.detail)[:500],
    )


def _plain(text: str) -> str:
    """What PostgreSQL stores as text: no null, no lone surrogate."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _sum(stored: Mapping[str, Any], now: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored sums plus what was counted since ``written``."""
    result = dict(stored)
    for name, count in now.items():
        before = written.get(name, {} if isinstance(count, Mapping) else 0)
        if isinstance(count, Mapping):
            result[name] = _sum(result.get(name) or {}, count, before)
        else:
            result[name] = result.get(name, 0) + count - before
    return result


def _rates(history: deque[tuple[float, int, int]]) -> dict[str, float]:
    if len(history) < 2:
        return {}
    (start, received_0, stored_0), (end, received, stored) = history[0], history[-1]
    span = max(end - start, 0.001)
    return {
        "messages_per_s": round((received - received_0) / span, 2),
        "samples_per_s": round((stored - stored_0) / span, 2),
    }
