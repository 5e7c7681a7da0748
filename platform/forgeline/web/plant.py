"""What the overview shows of each machine, in a constant number of queries however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from forgeline.assets.models import Asset, Point, Site
from forgeline.assets.models.place import AssetLevel
from forgeline.assets.models.point import Kind
from forgeline.assets.queries import Branch, read_tree
from forgeline.base import clock
from forgeline.base.clock import to_us
from forgeline.telemetry import queries as telemetry, states
from forgeline.telemetry.queries import HOLD_INTERVALS, LatestValue
from forgeline.web.alarm_rows import count_by_machine

BAND_US = 8 * 3_600_000_000
TREND_US = 24 * 3_600_000_000

_FIRST_ROLES = ("machine.speed", "load", "temperature", "power.active", "pressure", "energy.active")
"""What a machine is first asked for, in this order."""
_NEXT_ROLES = (
    "power.active",
    "count.total",
    "temperature",
    "pressure",
    "vibration.velocity",
    "energy.active",
)


@dataclass(slots=True)
class BandPiece:
    """A stretch of the state band: a state and its share of the whole in percent."""

    state: str
    share: float


@dataclass(slots=True)
class Reading:
    """A point with its newest value."""

    point: Point
    latest: LatestValue | None


@dataclass(slots=True)
class MachineCard:
    """One machine of the overview."""

    asset: Asset
    state: str
    main: Reading | None
    others: list[Reading]
    trend: list[float | None]
    band: list[BandPiece]
    newest_ms: int
    limit_s: int
    is_stale: bool
    alarms: int
    alarm_priority: str
    """The highest among those that are open."""


@dataclass(slots=True)
class LineGroup:
    """The machines of a line (or of an area, or of the plant itself), in order."""

    title: str
    area: str
    machines: list[MachineCard] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """State → machines, as the head of the group says it."""
        out: dict[str, int] = {}
        for machine in self.machines:
            out[machine.state] = out.get(machine.state, 0) + 1
        return out


def read_overview(site: Site, *, with_alarms: bool = True) -> list[LineGroup]:
    """Return the lines of a plant with their machines: eight queries, whatever the plant's size."""
    now_us = clock.now_us()
    groups: list[tuple[str, str, list[Branch]]] = []
    _collect(read_tree(site.pk, with_points=True), "", site.title, groups)
    machines = [branch for _title, _area, branches in groups for branch in branches]
    ids = [branch.asset.pk for branch in machines]
    points = [point for branch in machines for point in branch.points]
    latest = telemetry.read_latest([point.pk for point in points]) if points else {}
    current = states.read_current(ids)
    mains = {branch.asset.pk: choose(branch.points, _FIRST_ROLES, 1) for branch in machines}
    main_ids = [chosen[0].pk for chosen in mains.values() if chosen]
    trends = telemetry.read_trends(main_ids, now_us - TREND_US, now_us) if main_ids else {}
    bands = _read_bands(ids, now_us)
    alarms = count_by_machine(ids) if with_alarms else {}
    out = []
    for title, area, branches in groups:
        cards = [
            _card(branch, mains[branch.asset.pk], latest, current, trends, bands, alarms, now_us)
            for branch in branches
        ]
        out.append(LineGroup(title, area, cards))
    return out


def _collect(
    branches: Sequence[Branch], area: str, title: str, groups: list[tuple[str, str, list[Branch]]]
) -> None:
    own = [branch for branch in branches if branch.asset.level == AssetLevel.WORK_UNIT]
    if own:
        groups.append((title, area, own))
    for branch in branches:
        if branch.asset.level == AssetLevel.AREA:
            _collect(branch.children, branch.asset.title, branch.asset.title, groups)
        elif branch.asset.level == AssetLevel.LINE:
            _collect(branch.children, area, branch.asset.title, groups)


def choose(points: Sequence[Point], roles: Sequence[str], most: int) -> list[Point]:
    """Return up to ``most`` points by the order of roles, then measurements without one."""
    ranked = [point for role in roles for point in points if point.role == role]
    rest = [point for point in points if point not in ranked and point.kind == Kind.GAUGE]
    return (ranked + rest)[:most]


def _card(
    branch: Branch,
    chosen: list[Point],
    latest: dict[int, LatestValue],
    current: dict[int, Any],
    trends: dict[int, list[float | None]],
    bands: dict[int, list[BandPiece]],
    alarms: dict[int, tuple[int, str]],
    now_us: int,
) -> MachineCard:
    main = chosen[0] if chosen else None
    others = choose([point for point in branch.points if point is not main], _NEXT_ROLES, 3)
    known = [latest[point.pk] for point in branch.points if point.pk in latest]
    newest_us = max((value.ts_us for value in known), default=0)
    interval_s = min((point.expected_interval_s for point in branch.points), default=60.0)
    limit_s = round(max(interval_s * HOLD_INTERVALS, 10))
    is_stale = bool(known) and now_us - newest_us > limit_s * 1_000_000
    state = (
        current[branch.asset.pk][0].value
        if branch.asset.pk in current
        else ("no_data" if is_stale or not known else "")
    )
    count, priority = alarms.get(branch.asset.pk, (0, ""))
    return MachineCard(
        asset=branch.asset,
        state=state,
        main=None if main is None else Reading(main, latest.get(main.pk)),
        others=[Reading(point, latest.get(point.pk)) for point in others],
        trend=trends.get(main.pk, []) if main is not None else [],
        band=bands.get(branch.asset.pk, []),
        newest_ms=newest_us // 1000,
        limit_s=limit_s,
        is_stale=is_stale,
        alarms=count,
        alarm_priority=priority,
    )


def _read_bands(asset_ids: Sequence[int], now_us: int) -> dict[int, list[BandPiece]]:
    """Return each machine's states of the last eight hours as shares; what is not known is no data."""
    start = now_us - BAND_US
    bands: dict[int, list[BandPiece]] = {}
    reached: dict[int, int] = {}
    for interval in states.list_intervals(asset_ids, start, now_us):
        begin = max(to_us(interval.started_at), start)
        end = min(to_us(interval.ended_at) if interval.ended_at else now_us, now_us)
        pieces = bands.setdefault(interval.asset_id, [])
        gap = begin - reached.get(interval.asset_id, start)
        if gap > 0:
            pieces.append(BandPiece("no_data", gap / BAND_US * 100))
        pieces.append(BandPiece(interval.state, max(0.0, (end - begin) / BAND_US * 100)))
        reached[interval.asset_id] = end
    return bands
