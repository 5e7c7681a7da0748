"""The maps that connector processes follow: bindings of a connection, points of the platform's own broker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db import connection

from connectors.contract import BindingSpec
from connectors.models import Binding, Connection
from connectors.runtime.addresses import join_address
from forgeline.assets.models.point import Kind
from forgeline.base import clock
from forgeline.base.units import UnitError, affine
from forgeline.telemetry import queries as telemetry
from forgeline.tenancy.scoping import tenant_scope

log = structlog.get_logger(__name__)

_FUTURE_US = 3_600_000_000
"""Samples may lie a little ahead of our clock."""


Found = tuple[Connection, list[BindingSpec]]
"""A connection and its map. A binding whose unit cannot become the point's any more is left out: its values would be
wrong."""


def read_connection(connection_id: int, tenant_id: int) -> Found | None:
    """Return a connection and its map; None when it is gone."""
    return read_connections([connection_id], tenant_id).get(connection_id)


def read_connections(connection_ids: Sequence[int], tenant_id: int) -> dict[int, Found]:
    """Return those of a tenant's connections that are still there, in three queries for all of them."""
    with tenant_scope(tenant_id):
        rows = Connection.objects.in_bulk(connection_ids)
        bindings = _list_bindings(rows)
        # From the samples themselves: what is kept of the latest lags a second, and more after a crash, and a gap that
        # begins too late would stay.
        point_ids = [binding.point_id for each in bindings.values() for binding in each]
        newest = telemetry.read_last_before(point_ids, clock.now_us() + _FUTURE_US) if point_ids else {}
        last = {point_id: value.ts_us for point_id, value in newest.items()}
        return {pk: (row, _specs(bindings[pk], last)) for pk, row in rows.items()}


def read_maps(connection_ids: Iterable[int], tenant_id: int) -> dict[int, list[BindingSpec]]:
    """Return the maps of a tenant's connections without the times of their last values, in one query."""
    with tenant_scope(tenant_id):
        found = _list_bindings(connection_ids)
        return {connection_id: _specs(bindings, {}) for connection_id, bindings in found.items()}


def _list_bindings(connection_ids: Iterable[int]) -> dict[int, list[Binding]]:
    found: dict[int, list[Binding]] = {each: [] for each in connection_ids}
    rows = Binding.objects.filter(connection_id__in=list(found), point__retired_at=None)
    for binding in rows.select_related("point").order_by("id"):
        found[binding.connection_id].append(binding)
    return found


def _specs(bindings: Iterable[Binding], last: Mapping[int, int]) -> list[BindingSpec]:
    specs = []
    for binding in bindings:
        try:
            specs.append(_spec(binding, last.get(binding.point_id)))
        except UnitError as error:
            log.warning(
                "a binding is left out: %s",
                error,
                connection_id=binding.connection_id,
                address=binding.address,
            )
    return specs


def _spec(binding: Binding, last_ts_us: int | None) -> BindingSpec:
    """The binding's own scale and offset come first, then the conversion from its unit: one line in the end."""
    point = binding.point
    factor, shift = affine(binding.source_unit, point.unit) if binding.source_unit else (1.0, 0.0)
    return BindingSpec(
        address=binding.address,
        point_id=point.pk,
        scale=binding.scale * factor,
        offset=binding.offset * factor + shift,
        kind=point.kind,
        expected_interval_s=point.expected_interval_s,
        options=_options(binding.options, point.kind, point.labels),
        last_ts_us=last_ts_us,
    )


def _options(options: dict[str, Any], kind: int, labels: Any) -> dict[str, Any]:
    """A state that comes as a word is read by the point's labels: {"3": "Running"} or {"3": {"en": "Running", …}}."""
    if kind != Kind.STATE or not isinstance(labels, dict) or "codes" in options:
        return options
    codes: dict[str, float] = {}
    for code, label in labels.items():
        words = label.values() if isinstance(label, dict) else [label]
        codes.update((str(word).casefold(), float(code)) for word in words)
    return {**options, "codes": codes} if codes else options


@dataclass(frozen=True, slots=True)
class BrokerUser:
    """A live credential: whose it is."""

    tenant_id: int
    device_id: int


@dataclass(slots=True)
class BrokerMap:
    """What the platform's own broker carries."""

    users: dict[str, BrokerUser] = field(default_factory=dict)
    bindings: list[BindingSpec] = field(default_factory=list)


def read_broker_map() -> BrokerMap:
    """Return every live credential and the points of its device, of all tenants."""
    found = BrokerMap()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT username, tenant_id, device_id, point_id, key, kind, expected_interval_s"
            " FROM connectors_list_broker_points()"
        )
        for username, tenant_id, device_id, point_id, key, kind, interval_s in cursor:
            found.users.setdefault(username, BrokerUser(tenant_id, device_id))
            if point_id is not None:
                found.bindings.append(
                    BindingSpec(
                        join_address(username, key), point_id, kind=kind, expected_interval_s=interval_s
                    )
                )
    return found
