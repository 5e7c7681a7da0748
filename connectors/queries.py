"""Reads about connections: lists for pages and the API, and in which state a connection is now. Not here: writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Count, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from connectors.contract import ConnectionState
from connectors.models import (
    Binding,
    Connection,
    ConnectionStatus,
    ConnectorProcess,
    Undecodable,
    WaitingDevice,
    WaitingKey,
)
from connectors.wording import translate_sentence
from forgeline.base import clock
from forgeline.base.errors import NotFoundError

STALE_AFTER = timedelta(seconds=20)
"""A status that wasn't renewed for so long says only that its process is gone."""
UNDECODABLES_SHOWN = 100


class StorageState(StrEnum):
    """Whether the process that runs a connection gets rid of its values."""

    OK = "ok"
    SLOW = "slow"
    """The store takes long over a batch; sources wait for it."""
    AWAY = "away"
    """The store takes nothing; values wait on disk."""
    FULL = "full"
    """The store takes nothing and the disk is full; sources wait."""


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """A connection as it is now, for people and programs."""

    connection: Connection
    state: ConnectionState
    fault_key: str = ""
    fault: str = ""
    """A sentence in the reader's language."""
    since: datetime | None = None
    owner: str = ""
    counters: dict[str, Any] = field(default_factory=dict)
    rates: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    last_value_at: datetime | None = None
    storage: StorageState = StorageState.OK
    spool_bytes: int = 0
    """What waits on the disk of the process that runs it, of all of its connections."""

    @property
    def rejected(self) -> dict[str, int]:
        """Refused samples and messages by reason."""
        found = self.counters.get("rejected") or {}
        return dict(sorted(found.items(), key=lambda pair: -pair[1])) if isinstance(found, dict) else {}

    @property
    def rejected_total(self) -> int:
        return sum(self.rejected.values())


def list_connections() -> QuerySet[Connection]:
    """Return the tenant's connections with their status, by name; ``binding_count`` is annotated, and what the
    process that runs it says of itself (``process_facts``).
    """
    owner = ConnectorProcess.objects.filter(name=OuterRef("status__owner"), expires_at__gt=Now())
    return (
        Connection.objects.select_related("status")
        .annotate(binding_count=Count("bindings"), process_facts=Subquery(owner.values("facts")[:1]))
        .order_by("name", "id")
    )


def get_connection(connection_id: int) -> Connection:
    """Return one connection. **Raises** NotFoundError."""
    found = list_connections().filter(pk=connection_id).first()
    if found is None:
        raise NotFoundError(_("There is no such connection."))
    return found


def read_facts(connection: Connection, *, at: datetime | None = None) -> ConnectionFacts:
    """Return what is known of a connection now; a status that nobody renews counts as unowned."""
    status: ConnectionStatus | None = getattr(connection, "status", None)
    if status is None:
        state = ConnectionState.UNOWNED if connection.enabled else ConnectionState.DISABLED
        return ConnectionFacts(connection, state)
    is_stale = (at or clock.now()) - status.updated_at > STALE_AFTER
    state = ConnectionState(status.state)
    if not connection.enabled:
        state = ConnectionState.DISABLED
    elif is_stale or state is ConnectionState.DISABLED:
        state = ConnectionState.UNOWNED
    process: dict[str, Any] = getattr(connection, "process_facts", None) or {}
    return ConnectionFacts(
        connection=connection,
        state=state,
        storage=_storage(process),
        spool_bytes=int(process.get("spool_bytes") or 0),
        fault_key=status.fault_key,
        fault=translate_sentence(status.fault),
        since=status.since,
        owner="" if is_stale else status.owner,
        counters=status.counters or {},
        rates={} if is_stale else status.rates or {},
        events=list(reversed(status.events or [])),
        last_value_at=status.last_value_at,
    )


def _storage(process: dict[str, Any]) -> StorageState:
    if process.get("spool_is_full"):
        return StorageState.FULL
    if process.get("store_is_away"):
        return StorageState.AWAY
    return StorageState.SLOW if process.get("store_is_slow") else StorageState.OK


def list_bindings(connection: Connection) -> QuerySet[Binding]:
    """Return a connection's map with points and their machines."""
    return connection.bindings.select_related("point__asset").order_by("address")


def list_undecodables(connection: Connection) -> QuerySet[Undecodable]:
    """Return what could not be decoded last, newest first."""
    return connection.undecodables.order_by("-id")[:UNDECODABLES_SHOWN]


def list_waiting_devices() -> QuerySet[WaitingDevice]:
    """Return the devices that wait for a person, the most recently heard first, with their values."""
    return (
        WaitingDevice.objects.filter(ignored_at=None)
        .select_related("connection", "device")
        .prefetch_related(Prefetch("keys", WaitingKey.objects.order_by("key")))
        .order_by("-last_seen_at", "-id")
    )


def get_waiting_device(waiting_device_id: int) -> WaitingDevice:
    """Return one waiting device. **Raises** NotFoundError."""
    found = list_waiting_devices().filter(pk=waiting_device_id).first()
    if found is None:
        raise NotFoundError(_("There is no such waiting device."))
    return found


def count_waiting() -> int:
    """Return how many devices wait."""
    return WaitingDevice.objects.filter(ignored_at=None).count()
