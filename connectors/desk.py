"""The database side of a connector process: leases, revisions, maps, look-ups, the ledger. Synchronous; one thread.

Not here: what runs (process, runtime). Every method may raise a database error; the process then goes on with what it
knows, and asks again.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from connectors import leases, maps, platform_broker, waiting
from connectors.contract import BindingSpec, ConnectorError, Driver, Options
from connectors.ledger import Ledger, Told
from connectors.models import Connection
from connectors.mqtt.driver import DROPPED, PlatformDriver
from connectors.mqtt.options import MqttOptions
from connectors.registry import get_spec, load_driver
from connectors.runtime.addresses import split_address
from connectors.runtime.counters import Counters
from connectors.runtime.fleet import Plan
from connectors.runtime.unknown import Sighting
from connectors.secrets import unseal
from forgeline.assets.services.announcing import CHANNEL
from forgeline.entitlements.rights import list_in_excess

EXCESS_EVERY_S = 30.0
"""How soon a company's polling slows down, or goes on as before, with its plan's samples."""
BROKER_MAP_EVERY_S = 30.0
"""A look-up of an unknown address reads it anew at once, and so does the database's word that points changed; this
is for what neither tells of, and for poolers that pass no NOTIFY on."""


@dataclass(slots=True)
class Orders:
    """What the process is to do now."""

    keep: set[str]
    """Everything else that runs is to stop."""
    plans: list[Plan]
    give_up: list[str]
    """To be released once it has stopped."""


@dataclass(slots=True, eq=False)
class Desk:
    """State of the control thread."""

    process: str
    broker_options: MqttOptions | None
    members: int
    ledger: Ledger = field(init=False)
    tenant_of: dict[int, int] = field(default_factory=dict)
    _revisions: dict[int, int] = field(default_factory=dict)
    _maps: dict[int, Sequence[BindingSpec]] = field(default_factory=dict)
    _in_excess: frozenset[int] = frozenset()
    _excess_read_s: float = -1e9
    _listens_on: Any = None
    _points_changed: bool = False
    _broker: maps.BrokerMap = field(default_factory=maps.BrokerMap)
    _broker_read_s: float = -1e9
    _broker_counters_of: dict[str, Counters] = field(default_factory=dict)
    _dropped_told: int | None = None
    """The broker's count when it was last told of; None: not read yet."""
    _broker_counters: Counters = field(default_factory=Counters)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.process)

    # --- orders ---

    def take_orders(self, facts: Mapping[str, Any], resolver: Any) -> Orders:
        """Renew what is owned, find what changed. ``resolver(connection_id)`` makes a look-up for a plan."""
        processes = leases.renew_process(self.process, facts)
        live = {row[0]: row[1:] for row in leases.list_live()}
        brokers = [f"broker:{n}" for n in range(self.members)] if self.broker_options else []
        wanted = [*(f"connection:{each}" for each in live), *brokers]
        mine = leases.hold_leases(self.process, wanted, processes=processes)
        give_up = leases.surplus(mine, resources=len(wanted), processes=processes)
        keep = mine - set(give_up)
        self._follow_points()
        self._follow_excess()
        changed: dict[int, list[int]] = {}
        for connection_id, (tenant_id, _kind, revision) in live.items():
            if f"connection:{connection_id}" in keep and self._revisions.get(connection_id) != revision:
                changed.setdefault(tenant_id, []).append(connection_id)
        plans: list[Plan] = []
        for tenant_id, ids in changed.items():
            found = maps.read_connections(ids, tenant_id)
            keep -= {f"connection:{each}" for each in ids if each not in found}
            for connection_id, (row, bindings) in found.items():
                self._revisions[connection_id] = live[connection_id][2]
                plans.append(self._plan(row, bindings, tenant_id, resolver))
        for connection_id in list(self._revisions):
            if f"connection:{connection_id}" not in keep:
                del self._revisions[connection_id]
                self._maps.pop(connection_id, None)
        plans += self._plan_members([key for key in brokers if key in keep], resolver)
        return Orders(keep, plans, give_up)

    def release(self, keys: Iterable[str]) -> None:
        """Give up leases of what has stopped."""
        keys = list(keys)
        leases.release_leases(self.process, keys)
        self.ledger.hand_over(
            int(key.removeprefix("connection:")) for key in keys if key.startswith("connection:")
        )

    def leave(self, told: Mapping[str, Told]) -> None:
        """Write the last states and counters and give up everything at an orderly end."""
        self.write(told)
        self.ledger.hand_over(list(self.ledger.accounts))
        leases.leave(self.process)

    def _plan(self, row: Connection, bindings: Sequence[BindingSpec], tenant_id: int, resolver: Any) -> Plan:
        self._maps[row.pk] = bindings
        self.tenant_of[row.pk] = tenant_id
        is_slowed = tenant_id in self._in_excess and is_polled(row)
        return Plan(
            key=f"connection:{row.pk}",
            # A change of the map alone leaves the driver standing; "enable" on a faulted one must not.
            fingerprint=(row.kind, repr(row.options), row.enabled, is_slowed),
            make_driver=functools.partial(make_driver, row, is_slowed=is_slowed),
            bindings=bindings,
            counters=self.ledger.open(row.pk, tenant_id),
            resolver=resolver(row.pk),
            tenant_id=tenant_id,
        )

    # --- points that change ---

    def _follow_points(self) -> None:
        """Have maps read anew whose points changed since the last look: the database tells that some did."""
        raw = connection.connection
        if raw is not self._listens_on:
            with connection.cursor() as cursor:
                raw = connection.connection
                cursor.execute(f"LISTEN {CHANNEL}")
            # Called from within whatever statement the news comes with, and each look begins with some.
            raw.add_notify_handler(self._note_points_changed)
            self._listens_on, self._points_changed = raw, True
        if not self._points_changed:
            return
        self._points_changed = False
        self._broker_read_s = -BROKER_MAP_EVERY_S
        by_tenant: dict[int, list[int]] = {}
        for connection_id in self._revisions:
            by_tenant.setdefault(self.tenant_of[connection_id], []).append(connection_id)
        for tenant_id, ids in by_tenant.items():
            for connection_id, bindings in maps.read_maps(ids, tenant_id).items():
                if bindings != self._maps.get(connection_id):
                    del self._revisions[connection_id]

    def _note_points_changed(self, _notify: Any) -> None:
        self._points_changed = True

    # --- what a plan holds ---

    def _follow_excess(self) -> None:
        """Plan anew what belongs to companies that have come to store more than their plan has, or do no longer."""
        if time.monotonic() - self._excess_read_s < EXCESS_EVERY_S:
            return
        present = list_in_excess()
        for connection_id in list(self._revisions):
            if self.tenant_of[connection_id] in present ^ self._in_excess:
                del self._revisions[connection_id]
        self._in_excess, self._excess_read_s = present, time.monotonic()

    # --- the platform's own broker ---

    def _plan_members(self, keys: Sequence[str], resolver: Any) -> list[Plan]:
        if not keys or self.broker_options is None:
            return []
        if time.monotonic() - self._broker_read_s > BROKER_MAP_EVERY_S:
            self._read_broker()
        return [
            Plan(
                key=key,
                fingerprint=(key, self.broker_options),
                make_driver=functools.partial(
                    _make_member,
                    self.broker_options,
                    int(key.removeprefix("broker:")),
                    lambda: self._dropped_told,
                ),
                bindings=self._broker.bindings,
                counters=self._broker_counters,
                counters_of=self._broker_counters_of,
                resolver=resolver(0),
            )
            for key in keys
        ]

    def _read_broker(self) -> None:
        self._broker = maps.read_broker_map()
        if self._dropped_told is None:
            self._dropped_told = platform_broker.read_dropped()
        self._broker_read_s = time.monotonic()
        connection_of: dict[int, int] = {}
        for username, user in self._broker.users.items():
            if user.tenant_id not in connection_of:
                connection_of[user.tenant_id] = platform_broker.ensure_connection(user.tenant_id)
            connection_id = connection_of[user.tenant_id]
            self.tenant_of[connection_id] = user.tenant_id
            self._broker_counters_of[username] = self.ledger.open(connection_id, user.tenant_id)
        for username in set(self._broker_counters_of) - set(self._broker.users):
            del self._broker_counters_of[username]

    # --- unknown addresses ---

    def look_up(self, connection_id: int, questions: Mapping[str, Any]) -> list[BindingSpec]:
        """Return bindings for the addresses that are known after all; adopt the others where the tenant wants that.

        ``connection_id`` 0 is the platform's own broker.
        """
        found = self._find(connection_id, questions)
        unknown = {address: value for address, value in questions.items() if address not in found}
        if unknown and self._adopt(connection_id, unknown):
            found |= self._find(connection_id, unknown)
        return list(found.values())

    def _find(self, connection_id: int, addresses: Mapping[str, Any]) -> dict[str, BindingSpec]:
        if connection_id == 0:
            self._read_broker()
            bindings: Sequence[BindingSpec] = self._broker.bindings
        else:
            read = maps.read_connection(connection_id, self.tenant_of[connection_id])
            bindings = read[1] if read else []
        return {spec.address: spec for spec in bindings if spec.address in addresses}

    def _adopt(self, connection_id: int, unknown: Mapping[str, Any]) -> bool:
        at_us = time.time_ns() // 1000
        seen = [Sighting(address, value, at_us, at_us, 1) for address, value in unknown.items()]
        has_adopted = False
        for tenant_id, part in self._by_tenant(connection_id, seen).items():
            if waiting.adopts_unknown(tenant_id):
                touched = self._record(connection_id, tenant_id, part)
                faults = waiting.adopt_at_once(tenant_id, touched)
                has_adopted = has_adopted or len(faults) < len(touched)
        return has_adopted

    def record(self, connection_id: int, sightings: Sequence[Sighting]) -> None:
        """Put what was seen at unknown addresses on the waiting list."""
        for tenant_id, part in self._by_tenant(connection_id, sightings).items():
            self._record(connection_id, tenant_id, part)

    def _record(self, connection_id: int, tenant_id: int, sightings: Sequence[Sighting]) -> list[Any]:
        device_ids = None
        if connection_id == 0:
            connection_id = platform_broker.ensure_connection(tenant_id)
            users = {split_address(each.address)[0] for each in sightings}
            device_ids = {
                name: self._broker.users[name].device_id for name in users if name in self._broker.users
            }
        return waiting.record_sightings(
            tenant_id=tenant_id, connection_id=connection_id, sightings=sightings, device_ids=device_ids
        )

    def _by_tenant(self, connection_id: int, sightings: Sequence[Sighting]) -> dict[int, list[Sighting]]:
        if connection_id:
            return {self.tenant_of[connection_id]: list(sightings)}
        parts: dict[int, list[Sighting]] = {}
        for sighting in sightings:
            user = self._broker.users.get(split_address(sighting.address)[0])
            # A user that is gone belongs to nobody: there is nobody to tell.
            if user is not None:
                parts.setdefault(user.tenant_id, []).append(sighting)
        return parts

    # --- the ledger ---

    def write(self, told: Mapping[str, Told]) -> None:
        """Write states and counters; a member's state is that of every tenant's row for the broker."""
        by_id = {
            int(key.removeprefix("connection:")): news
            for key, news in told.items()
            if key.startswith("connection:")
        }
        member = next((news for key, news in sorted(told.items()) if key.startswith("broker:")), None)
        if member is not None:
            by_id |= {counters.connection_id: member for counters in self._broker_counters_of.values()}
        self.ledger.write(by_id)
        # After the events that tell it: a process that dies between the two tells it once more, not never.
        dropped = self._broker_counters.measures.get(DROPPED)
        if dropped is not None and dropped != self._dropped_told:
            platform_broker.keep_dropped(int(dropped))
            self._dropped_told = int(dropped)


def make_driver(row: Connection, *, is_slowed: bool = False) -> Driver:
    """Return a connection's driver. **Raises** PermanentError, OptionsError: the connection is faulted then."""
    spec = get_spec(row.kind)
    options: Options = spec.options.parse(unseal(row.options))
    if is_slowed:
        options = options.slowed()
    return load_driver(spec)(options, connection_id=row.pk, client_id=f"forgeline-connection-{row.pk}")


def is_polled(row: Connection) -> bool:
    """Say whether a connection asks its source again and again, so that it can do so less often."""
    try:
        options: Options = get_spec(row.kind).options.parse(unseal(row.options))
    except ConnectorError:
        return False
    return options.slowed() != options


def _make_member(options: MqttOptions, number: int, dropped_told: Callable[[], int | None]) -> Driver:
    return PlatformDriver(
        options,
        connection_id=0,
        client_id=platform_broker.member_client_id(number),
        former_filters=platform_broker.former_filters(options),
        watches_broker=number == 0 and platform_broker.tells_of_itself(),
        dropped_before=dropped_told() or 0,
    )
