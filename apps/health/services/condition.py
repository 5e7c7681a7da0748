"""The hourly judgement of machines: samples in, condition, episodes and advisories out, each hour once.

Not here: the arithmetic (judging, science), what an advisory becomes (advisories).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from apps.health import judging
from apps.health.judging import HOUR_S, SLICE_S, SLICES, Column, Hour, Onset
from apps.health.models import Condition, Episode, Watch
from apps.health.queries.register import list_machines
from apps.health.science.evidence import NotEnough
from apps.health.science.trend import estimate_time_to_limit
from apps.health.services import advisories
from forgeline.alarms.definitions import Limit
from forgeline.alarms.plan import read_plan
from forgeline.assets.models import Asset, Point
from forgeline.assets.models.point import Kind
from forgeline.base import clock
from forgeline.base.clock import to_us
from forgeline.billing.metering import add_cpu
from forgeline.telemetry import queries as telemetry, states
from forgeline.telemetry.queries import HOLD_INTERVALS
from forgeline.telemetry.sample import Quality
from forgeline.telemetry.state_rules import MachineState

REACH = timedelta(days=14)
"""So far back the judgement begins; older hours that were left out stay out."""
SETTLE = timedelta(minutes=3)
"""A history that is still coming in, its newest day first, is waited for so long."""
GRACE = timedelta(minutes=5)
"""An hour is judged when its last samples have had time to come."""
HOURS_A_RUN = 24
MOST_POINTS = 24
QUIET = timedelta(hours=12)
LONGEST = timedelta(days=7)
"""Onsets within QUIET of each other are one episode, of at most LONGEST."""
TREND_SPAN = timedelta(days=28)
KEPT = timedelta(days=400)
TREND_NEAR_S = 30 * 86_400.0
_HOUR = timedelta(hours=1)


def list_due(now: datetime | None = None) -> list[int]:
    """Return the machines of the company in force of which an hour may be judged."""
    at = clock.now() if now is None else now
    ahead = dict(Watch.objects.filter(next_hour__gt=at - _HOUR - GRACE).values_list("asset_id", "next_hour"))
    return [asset.pk for asset in list_machines() if asset.pk not in ahead]


def count_due(asset_ids: Sequence[int], now: datetime | None = None) -> int:
    """Return how many hours of machines are over and not judged; those not begun count none."""
    at = clock.now() if now is None else now
    rows = Watch.objects.filter(asset_id__in=list(asset_ids), next_hour__isnull=False)
    firsts = [max(first, _whole_hour(at - REACH)) for first in rows.values_list("next_hour", flat=True)]
    return sum(max(0, (_whole_hour(at - GRACE) - first) // _HOUR) for first in firsts)


def judge_machine(asset_id: int, *, now: datetime | None = None, settle: timedelta = SETTLE) -> int:
    """Judge the next hours of a machine, at most HOURS_A_RUN; return how many.

    The lock on its ``Watch`` is the lease: it dies with its worker, and hours, episodes, advisories and what is
    remembered are kept together or not at all. Who finds it taken does nothing.
    """
    at = clock.now() if now is None else now
    began = time.thread_time()
    Watch.objects.get_or_create(asset_id=asset_id)
    watch = Watch.objects.select_for_update(skip_locked=True).filter(asset_id=asset_id).first()
    asset = Asset.objects.select_related("site").filter(pk=asset_id, retired_at=None).first()
    if watch is None or asset is None:
        return 0
    points = list_watched(asset_id)
    if watch.next_hour is None and not _begin(watch, points, at, settle):
        watch.save()
        return 0
    assert watch.next_hour is not None
    first = max(watch.next_hour, _whole_hour(at - REACH))
    last = min(_whole_hour(at - GRACE), first + HOURS_A_RUN * _HOUR)
    count = max(0, int((last - first) / _HOUR))
    if count:
        _judge(watch, asset, points, first, count)
        if last + 2 * _HOUR > at:
            watch.trends = read_trends(asset_id, points)
            advisories.open_for_trends(asset, watch.trends, at)
        _trim(asset_id, at)
        watch.began_at = watch.began_at or at
        watch.cpu_s, watch.hours, watch.ran_at = time.thread_time() - began, count, at
        watch.save()
        add_cpu(watch.cpu_s)
    return count


def list_watched(asset_id: int) -> list[Point]:
    """Return the measured points of a machine that are judged, at most MOST_POINTS."""
    rows = Point.objects.filter(asset_id=asset_id, kind=Kind.GAUGE, retired_at=None)
    return list(rows.order_by("position", "pk")[:MOST_POINTS])


def read_trends(asset_id: int, points: Sequence[Point]) -> list[dict[str, Any]]:
    """Say of each upper or lower limit of the machine's alarms when the point gets there, or why nobody can say.

    From the hourly levels of the last four weeks that are judged, and not from raw samples: a wear is slower.
    """
    by_id = {point.pk: point for point in points}
    limits: dict[tuple[int, bool], tuple[float, str]] = {}
    for rule in read_plan(asset_ids=[asset_id]):
        condition = rule.definition.condition
        if not isinstance(condition, Limit) or not rule.is_judged:
            continue
        point_id = next(iter(rule.inputs.values())).point_id
        way = (point_id, condition.level.is_upper)
        sign = 1 if condition.level.is_upper else -1
        if point_id in by_id and (way not in limits or sign * condition.limit < sign * limits[way][0]):
            limits[way] = (condition.limit, condition.level.value)
    if not limits:
        return []
    since = _whole_hour(clock.now() - TREND_SPAN)
    rows = list(
        Condition.objects.filter(asset_id=asset_id, hour__gte=since)
        .order_by("hour")
        .values_list("hour", "features")
    )
    ts_s = np.array([hour.timestamp() + HOUR_S / 2 for hour, _features in rows])
    found = []
    for (point_id, is_upper), (limit, level) in sorted(limits.items()):
        values = np.array(
            [features.get(str(point_id), {}).get("level", np.nan) for _hour, features in rows], float
        )
        told = estimate_time_to_limit(ts_s, values, limit, rising=is_upper, hold_s=2 * HOUR_S, seed=point_id)
        entry: dict[str, Any] = {"point": point_id, "limit": limit, "level": level, "is_upper": is_upper}
        if isinstance(told, NotEnough):
            entry |= {
                "reason": told.reason.value,
                "data": {k: float(v) for k, v in told.data.items() if np.isfinite(v)},
            }
        else:
            high = told.high_s if np.isfinite(told.high_s) else None
            entry |= {
                "expected_s": told.expected_s,
                "low_s": told.low_s,
                "high_s": high,
                "stands": told.level,
            }
        found.append(entry)
    return found


def _begin(watch: Watch, points: Sequence[Point], now: datetime, settle: timedelta) -> bool:
    """Find where to begin, once the oldest sample has stood still for a while."""
    ids = np.array([point.pk for point in points], np.int32)
    since = np.full(len(ids), to_us(now - REACH), np.int64)
    news = telemetry.read_news(ids, since, limit=1)
    if not len(news.ts_us):
        return False
    oldest = clock.from_us(int(news.ts_us.min()))
    if watch.oldest_since is None or watch.oldest_at is None or oldest < watch.oldest_at - _HOUR:
        watch.oldest_at, watch.oldest_since = oldest, now
    if now - watch.oldest_since < settle:
        return False
    watch.next_hour = _whole_hour(oldest)
    return True


def _judge(watch: Watch, asset: Asset, points: Sequence[Point], first: datetime, count: int) -> None:
    ids = [point.pk for point in points]
    state = judging.unpack_state(bytes(watch.memory), watch.point_ids, ids, seed=asset.pk)
    columns = _read_columns(points, first, count)
    running = _read_running(asset.pk, first, count)
    near = {str(each["point"]): _severity(each) for each in watch.trends if "expected_s" in each}
    zone = ZoneInfo(asset.site.zone)
    episodes: dict[int, Episode] = {}
    now = clock.now()
    for number in range(count):
        at = first + number * _HOUR
        shift = at.astimezone(zone).utcoffset() or timedelta(0)
        hour = judging.judge_hour(
            state, columns, watch.severities, near, running[number * SLICES : (number + 1) * SLICES],
            from_s=int(at.timestamp()), offset_s=int(shift.total_seconds()),
        )  # fmt: skip
        _keep(asset, at, hour, now)
        for onset in hour.onsets:
            episode = _put_onset(asset, onset)
            episodes[episode.pk] = episode
    watch.memory, watch.point_ids = judging.pack_state(state), ids
    watch.severities = {key: round(value, 6) for key, value in watch.severities.items() if int(key) in ids}
    watch.next_hour = first + count * _HOUR
    for episode in episodes.values():
        advisories.open_for_episode(asset, episode)


def _trim(asset_id: int, now: datetime) -> None:
    """Keep features for as long as trends are laid through them, hours for KEPT."""
    rows = Condition.objects.filter(asset_id=asset_id)
    over = now - TREND_SPAN - _HOUR
    rows.filter(hour__gte=over - 2 * REACH, hour__lt=over).exclude(features={}).update(features={})
    rows.filter(hour__lt=now - KEPT).delete()


def _severity(trend: dict[str, Any]) -> float:
    return max(0.0, 1.0 - float(trend["expected_s"]) / TREND_NEAR_S)


def _keep(asset: Asset, at: datetime, hour: Hour, now: datetime) -> None:
    Condition.objects.create(
        asset=asset, hour=at, index=hour.index, known=hour.known, parts=hour.parts, reason=hour.reason,
        reason_data=hour.reason_data, features=hour.features, samples=hour.samples, created_at=now,
    )  # fmt: skip


def _put_onset(asset: Asset, onset: Onset) -> Episode:
    at = datetime.fromtimestamp(onset.at_s, tz=ZoneInfo("UTC"))
    last = Episode.objects.filter(asset=asset).order_by("-started_at").first()
    if last is None or at - last.last_at > QUIET or at - last.started_at > LONGEST:
        last = Episode(asset=asset, started_at=at, points={})
    last.last_at = max(at, last.last_at or at)
    key = str(onset.point_id)
    if key not in last.points or last.points[key]["score"] < onset.score:
        last.points[key] = {"score": round(onset.score, 2), "value": onset.value, "at": at.isoformat()}
    last.save()
    return last


def _read_columns(points: Sequence[Point], first: datetime, count: int) -> list[Column]:
    # The value that holds as the first hour begins is read with it.
    begin, end = to_us(first - _HOUR), to_us(first + count * _HOUR)
    news = telemetry.read_columns([point.pk for point in points], begin, end)
    values = np.where(news.quality == Quality.BAD, np.nan, news.value)
    found = []
    for point in points:
        own = news.point_id == point.pk
        hold = max(float(HOLD_INTERVALS) * point.expected_interval_s, float(SLICE_S))
        found.append(Column(point.pk, news.ts_us[own] / 1e6, values[own], hold))
    return found


def _read_running(asset_id: int, first: datetime, count: int) -> Any:
    """Return in which slices the machine ran for half of them; all where its state is not known at all."""
    begin = first.timestamp()
    running = np.zeros(count * SLICES)
    is_known = False
    for interval in states.list_intervals([asset_id], to_us(first), to_us(first + count * _HOUR)):
        is_known |= interval.state != MachineState.NO_DATA
        if interval.state == MachineState.RUNNING:
            end = float("inf") if interval.ended_at is None else interval.ended_at.timestamp()
            edges = begin + np.arange(count * SLICES) * SLICE_S
            shared = np.minimum(edges + SLICE_S, end) - np.maximum(edges, interval.started_at.timestamp())
            running += np.clip(shared, 0, SLICE_S)
    return running >= SLICE_S / 2 if is_known else np.ones(count * SLICES, bool)


def _whole_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
