"""Machine states kept as intervals: a follower of the commit log. Every module reads states here.

Not here: the rule (state_rules), shifts and holidays (assets/calendar).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.db import connection
from django.db.models import Min, Q, QuerySet

from forgeline.assets.models import Asset, Point
from forgeline.assets.profiles import PROFILES
from forgeline.base.clock import from_us, now_us as clock_now_us, to_us
from forgeline.telemetry import followers, queries
from forgeline.telemetry.engines.base import HOLD_INTERVALS
from forgeline.telemetry.models import StateInterval
from forgeline.telemetry.state_rules import MachineState, Span, StateRule, Track, derive_states, parse_section
from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.scoping import tenant_scope

FOLLOWER = "telemetry.states"
MAX_COMMITS = 500
_LOCK_SPACE = 0x464C5354
"""First key of the advisory lock that keeps two workers from one tenant's intervals ("FLST")."""


@dataclass(frozen=True, slots=True)
class _Machine:
    """An asset with the points that its rule reads."""

    asset_id: int
    rule: StateRule
    point: Point
    override: Point | None

    @property
    def points(self) -> list[Point]:
        return [self.point] if self.override is None else [self.point, self.override]


def list_intervals(asset_ids: Sequence[int], from_us_: int, to_us_: int) -> QuerySet[StateInterval]:
    """Return the intervals that meet ``[from, to)``, by asset and time; the first and last may reach beyond it."""
    return StateInterval.objects.filter(
        Q(ended_at=None) | Q(ended_at__gt=from_us(from_us_)), asset_id__in=list(asset_ids),
        started_at__lt=from_us(to_us_),
    ).order_by("asset_id", "started_at")  # fmt: skip


def read_current(asset_ids: Sequence[int]) -> dict[int, tuple[MachineState, int]]:
    """Return (state, since when in microseconds) of each machine that has a rule and has told something."""
    rows = StateInterval.objects.filter(asset_id__in=list(asset_ids), ended_at=None)
    return {row.asset_id: (MachineState(row.state), to_us(row.started_at)) for row in rows}


def follow(tenant_id: int, *, now_us: int | None = None) -> int:
    """Bring the tenant's intervals up to the commit log and the clock; return how many machines changed."""
    now = clock_now_us() if now_us is None else now_us
    with tenant_scope(tenant_id):
        if not _take_turn(tenant_id):
            return 0
        machines = _list_machines()
        name = f"{FOLLOWER}:{tenant_id}"
        place = followers.take_place(name, now_us=now)
        position = place.position
        since: dict[int, int] = {}
        if place.missed_from_us is not None:
            since = dict.fromkeys((machine.asset_id for machine in machines), place.missed_from_us)
        while commits := queries.list_commits_since(position, limit=MAX_COMMITS):
            position = commits[-1].position
            for commit in commits:
                touched = set(commit.point_ids)
                for machine in machines:
                    if any(point.pk in touched for point in machine.points):
                        since[machine.asset_id] = min(since.get(machine.asset_id, now), commit.from_us)
        changed = [machine for machine in machines if machine.asset_id in since]
        for machine in changed:
            _rebuild(machine, since[machine.asset_id], now)
        silent = [machine for machine in machines if machine.asset_id not in since]
        fallen = list(_fallen_silent(silent, now))
        for machine, at in fallen:
            _rebuild(machine, at, now)
        followers.move(name, position)
    return len(changed) + len(fallen)


def _take_turn(tenant_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LOCK_SPACE, tenant_id])
        return bool(cursor.fetchone()[0])


def _list_machines() -> list[_Machine]:
    require_tenant_id()
    rules = {}
    for key, profile in PROFILES.items():
        rule = parse_section(profile.sections.get("telemetry", {})).states
        if rule is not None:
            rules[key] = rule
    profiles = dict(Asset.objects.filter(profile__in=rules, retired_at=None).values_list("pk", "profile"))
    keys = {rule.point for rule in rules.values()} | {
        rule.override.point for rule in rules.values() if rule.override
    }
    points = {(p.asset_id, p.key): p for p in Point.objects.filter(asset_id__in=profiles, key__in=keys)}
    machines = []
    for asset_id, profile_key in profiles.items():
        rule = rules[profile_key]
        point = points.get((asset_id, rule.point))
        if point is not None:
            override = points.get((asset_id, rule.override.point)) if rule.override else None
            machines.append(_Machine(asset_id, rule, point, override))
    return machines


def _fallen_silent(machines: Sequence[_Machine], now_us: int) -> Iterable[tuple[_Machine, int]]:
    """Yield machines whose last value has ceased to hold while their interval still says what it said."""
    current = read_current([machine.asset_id for machine in machines])
    latest = queries.read_last_before([machine.point.pk for machine in machines], now_us + 1)
    for machine in machines:
        last = latest.get(machine.point.pk)
        state = current.get(machine.asset_id)
        if last is None or state is None or state[0] is MachineState.NO_DATA:
            continue
        until = last.ts_us + round(machine.point.expected_interval_s * HOLD_INTERVALS * 1e6)
        if until < now_us:
            yield machine, until


def _rebuild(machine: _Machine, since_us: int, now_us: int) -> None:
    """Derive the machine's intervals anew from an instant on."""
    since_us = min(since_us, now_us - 1)
    tracks = [_read_track(point, since_us, now_us) for point in machine.points]
    spans = derive_states(machine.rule, tracks[0], tracks[1] if len(tracks) > 1 else None, since_us, now_us)
    StateInterval.objects.filter(asset_id=machine.asset_id, started_at__gte=from_us(since_us)).delete()
    before = (
        StateInterval.objects.filter(asset_id=machine.asset_id, started_at__lt=from_us(since_us))
        .order_by("-started_at")
        .first()
    )
    ended_us = None if before is None or before.ended_at is None else to_us(before.ended_at)
    if before is not None and (ended_us is None or ended_us >= since_us):
        # It reaches up to here: it goes on, or ends here.
        goes_on = before.state == spans[0].state
        before.ended_at = _end_of(spans[0], now_us) if goes_on else from_us(since_us)
        before.save(update_fields=["ended_at"])
        spans = spans[1:] if goes_on else spans
    StateInterval.objects.bulk_create(
        StateInterval(
            asset_id=machine.asset_id,
            state=span.state,
            started_at=from_us(span.from_us),
            ended_at=_end_of(span, now_us),
        )
        for span in spans
    )


def _end_of(span: Span, now_us: int) -> datetime | None:
    return None if span.to_us >= now_us else from_us(span.to_us)


def _read_track(point: Point, from_us_: int, to_us_: int) -> Track:
    before = queries.read_last_before([point.pk], from_us_).get(point.pk)
    rows = [] if before is None else [(before.ts_us, before.value, before.quality)]
    for page in queries.iterate_raw(point.pk, from_us_, to_us_):
        rows += [(row[0], row[1], row[2]) for row in page]
    return Track(
        np.array([row[0] for row in rows], np.int64),
        np.array([np.nan if row[1] is None else row[1] for row in rows], np.float64),
        np.array([row[2] for row in rows], np.int16),
        point.expected_interval_s,
    )


def sum_running_us(windows: Sequence[tuple[int, int, int]]) -> list[int]:
    """Return how long machines ran. **Shape** of each window ``(asset, from, to)``, half-open; one query for all.

    **Units** microseconds. **Gaps** what is not known adds nothing: see ``read_known_since``.
    """
    assets, begins, ends = zip(*windows, strict=True) if windows else ((), (), ())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT w.place, sum(least(coalesce(i.ended_at, w.ends), w.ends) - greatest(i.started_at, w.begins))"
            " FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[])"
            " WITH ORDINALITY AS w(asset_id, begins, ends, place)"
            " JOIN telemetry_stateinterval i ON i.asset_id = w.asset_id AND i.started_at < w.ends"
            " AND (i.ended_at IS NULL OR i.ended_at > w.begins) AND i.state = %s GROUP BY w.place",
            [
                list(assets),
                [from_us(at) for at in begins],
                [from_us(at) for at in ends],
                MachineState.RUNNING.value,
            ],
        )
        found = {place: span // timedelta(microseconds=1) for place, span in cursor.fetchall()}
    return [found.get(place, 0) for place in range(1, len(windows) + 1)]


def read_known_since(asset_ids: Sequence[int]) -> dict[int, int]:
    """Return from when on each machine's state is known, in microseconds; one that never told anything is left out."""
    rows = StateInterval.objects.filter(asset_id__in=list(asset_ids)).exclude(state=MachineState.NO_DATA)
    return {asset_id: to_us(at) for asset_id, at in rows.values_list("asset_id").annotate(Min("started_at"))}
