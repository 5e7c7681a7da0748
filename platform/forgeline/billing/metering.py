"""What companies use, hour by hour: samples from the commit log, storage, devices, messages, calls, model jobs.

Samples are counted by a follower of the commit log, in one transaction with its position: none twice, none left out.
Not here: limits and money (quota, invoicing).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Sum

from forgeline.base import clock
from forgeline.base.clock import to_us
from forgeline.billing.models import Usage
from forgeline.identity import calls
from forgeline.notifications import queries as notifications
from forgeline.telemetry import followers, queries as telemetry
from forgeline.telemetry.maintenance import read_storage
from forgeline.telemetry.retention import get_retention
from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.scoping import list_tenant_ids, tenant_scope

FOLLOWER = "metering"
HOUR = timedelta(hours=1)
COUNTED = ("samples_stored", "gb_days", "active_devices", "cpu_s", "notifications", "api_calls")
_LOCK_SPACE = 0x4D45

_INSERT = """
INSERT INTO billing_usage AS u
    (tenant_id, hour, samples_stored, gb_days, active_devices, cpu_s, notifications, api_calls)
VALUES (%(tenant)s, %(hour)s, %(samples_stored)s, %(gb_days)s, %(active_devices)s, %(cpu_s)s, %(notifications)s,
        %(api_calls)s)
ON CONFLICT (tenant_id, hour) DO UPDATE SET
"""
# What is not given is 0, and changes nothing by either.
_ADD = _INSERT + ", ".join(f"{name} = u.{name} + excluded.{name}" for name in COUNTED)
_RAISE = _INSERT + ", ".join(f"{name} = GREATEST(u.{name}, excluded.{name})" for name in COUNTED)


@dataclass(frozen=True, slots=True)
class Sums:
    """What was used in a span. ``active_devices`` is the most in one hour."""

    samples_stored: int
    gb_days: float
    active_devices: int
    cpu_s: float
    notifications: int
    api_calls: int


def meter_all(*, now: datetime | None = None) -> None:
    """Bring every company's usage up to now."""
    at = clock.now() if now is None else now
    for tenant_id in list_tenant_ids():
        meter(tenant_id, now=at)


def meter(tenant_id: int, *, now: datetime | None = None) -> int:
    """Bring one company's usage up to now; return how many new samples were counted."""
    at = clock.now() if now is None else now
    with tenant_scope(tenant_id, branches=()):
        if not _take_turn(tenant_id):
            return 0
        stored = _count_samples(tenant_id, at)
        now_hour = _hour(at)
        _set(now_hour, active_devices=telemetry.count_active_devices(to_us(now_hour)))
        # The hour that has just ended is counted once more: what came in its last minute is of it.
        for hour in (now_hour - HOUR, now_hour):
            _set(
                hour,
                notifications=notifications.count_sent(hour, hour + HOUR),
                api_calls=calls.read_calls(tenant_id, hour),
            )
    return stored


def measure_storage(*, now: datetime | None = None) -> None:
    """Give each company its share of the store's bytes for this hour, by the samples that it keeps."""
    at = clock.now() if now is None else now
    kept: dict[int, int] = {}
    for tenant_id in list_tenant_ids():
        with tenant_scope(tenant_id, branches=()):
            since = at - timedelta(days=get_retention().raw_days)
            kept[tenant_id] = sum_usage(since, at).samples_stored
    total = sum(kept.values())
    gb = read_storage().used_bytes / 1e9
    for tenant_id, samples in kept.items():
        if samples:
            with tenant_scope(tenant_id, branches=()):
                _set(_hour(at), gb_days=gb * samples / total / 24)


def add_cpu(seconds: float) -> None:
    """Add what a model job of the company in force has taken."""
    _add(_hour(clock.now()), cpu_s=seconds)


def read_usage(since: datetime, until: datetime) -> list[Usage]:
    """Return the hours in ``[since, until)`` in which anything was used, in order."""
    return list(Usage.objects.filter(hour__gte=since, hour__lt=until).order_by("hour"))


def sum_usage(since: datetime, until: datetime) -> Sums:
    """Return what the company in force used in ``[since, until)``."""
    rows = Usage.objects.filter(hour__gte=since, hour__lt=until)
    found = rows.aggregate(**{f"{name}_": Sum(name) for name in COUNTED if name != "active_devices"})
    most = rows.order_by("-active_devices").values_list("active_devices", flat=True).first()
    return Sums(
        samples_stored=int(found["samples_stored_"] or 0),
        gb_days=float(found["gb_days_"] or 0.0),
        active_devices=most or 0,
        cpu_s=float(found["cpu_s_"] or 0.0),
        notifications=int(found["notifications_"] or 0),
        api_calls=int(found["api_calls_"] or 0),
    )


def _count_samples(tenant_id: int, at: datetime) -> int:
    name = f"{FOLLOWER}:{tenant_id}"
    place = followers.take_place(name, now_us=to_us(at))
    position, hours = telemetry.sum_stored_since(place.position)
    for hour, inserted in hours:
        _add(hour, samples_stored=inserted)
    followers.move(name, position)
    return sum(inserted for _hour_, inserted in hours)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _take_turn(tenant_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LOCK_SPACE, tenant_id])
        return bool(cursor.fetchone()[0])


def _add(hour: datetime, **counts: float) -> None:
    _write(_ADD, hour, counts)


def _set(hour: datetime, **counts: float) -> None:
    """A count that was higher stays: a counter in the cache may have been lost."""
    _write(_RAISE, hour, counts)


def _write(statement: str, hour: datetime, counts: Mapping[str, float]) -> None:
    values = {name: counts.get(name, 0) for name in COUNTED}
    with connection.cursor() as cursor:
        cursor.execute(statement, {"tenant": require_tenant_id(), "hour": hour, **values})
