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
from apps.health.judging import LEVELS_BACK, SLICE_S, SLICES, Basis, Column, Hour, Onset
from apps.health.models import Condition, Episode, ModelVersion, Watch
from apps.health.models.condition import TOGETHER
from apps.health.outlook import Bound, severity_of
from apps.health.patterns import unpack_pattern
from apps.health.queries.ledger import PATTERN, find_current
from apps.health.queries.register import list_machines
from apps.health.queries.runs import GRACE, last_hour_over
from apps.health.queries.watched import TREND_SPAN, Watched, list_bounds, read_watched
from apps.health.services import advisories, foresight
from forgeline.alarms.plan import read_plan
from forgeline.assets.models import Asset, Point
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
HOURS_A_RUN = 24
QUIET = timedelta(hours=12)
LONGEST = timedelta(days=7)
"""Onsets within QUIET of each other are one episode, of at most LONGEST."""
KEPT = timedelta(days=400)
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
    return sum(max(0, (last_hour_over(at) - first) // _HOUR) for first in firsts)


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
    watched = read_watched(asset)
    if watch.next_hour is None and not _begin(watch, watched.read, at, settle):
        watch.save()
        return 0
    assert watch.next_hour is not None
    first = max(watch.next_hour, _whole_hour(at - REACH))
    last = min(last_hour_over(at), first + HOURS_A_RUN * _HOUR)
    count = max(0, int((last - first) / _HOUR))
    if count:
        bounds = list_bounds(watched, read_plan(asset_ids=[asset_id]))
        version = find_current(PATTERN, asset_id=asset_id)
        _judge(watch, asset, watched, bounds, version, first, count)
        if last + 2 * _HOUR > at:
            foresight.look_ahead(watch, asset, watched, bounds, version, at)
        _trim(asset_id, at)
        watch.began_at = watch.began_at or at
        watch.cpu_s, watch.hours, watch.ran_at = time.thread_time() - began, count, at
        watch.save()
        add_cpu(watch.cpu_s)
    return count


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


def _judge(
    watch: Watch,
    asset: Asset,
    watched: Watched,
    bounds: Sequence[Bound],
    version: ModelVersion | None,
    first: datetime,
    count: int,
) -> None:
    ids = [point.pk for point in watched.points]
    state = judging.unpack_state(bytes(watch.memory), watch.point_ids, ids, seed=asset.pk)
    columns = _read_columns(watched, first, count)
    running = _read_running(asset.pk, first, count)
    basis = _read_basis(watch, asset, watched, bounds, version, first)
    if watched.regime is not None:
        basis.regime = columns.pop()
    zone = ZoneInfo(asset.site.zone)
    episodes: dict[int, Episode] = {}
    now = clock.now()
    for number in range(count):
        at = first + number * _HOUR
        shift = at.astimezone(zone).utcoffset() or timedelta(0)
        hour = judging.judge_hour(
            state, columns, watch.severities, basis, running[number * SLICES : (number + 1) * SLICES],
            from_s=int(at.timestamp()), offset_s=int(shift.total_seconds()),
        )  # fmt: skip
        _keep(asset, at, hour, now, [point.pk for point in watched.read])
        for onset in hour.onsets:
            episode = _put_onset(asset, onset)
            episodes[episode.pk] = episode
    watch.memory, watch.point_ids = judging.pack_state(state), ids
    watch.severities = {key: round(value, 6) for key, value in watch.severities.items() if int(key) in ids}
    watch.pattern = hour.pattern if version is None else {**hour.pattern, "version": version.number}
    watch.next_hour = first + count * _HOUR
    for episode in episodes.values():
        advisories.open_for_episode(asset, episode, version)


def _read_basis(
    watch: Watch,
    asset: Asset,
    watched: Watched,
    bounds: Sequence[Bound],
    version: ModelVersion | None,
    first: datetime,
) -> Basis:
    """Return what the hours are judged by; with a pattern, the rows before them too."""
    basis = Basis(bounds)
    for each in watch.trends:
        if "expected_s" in each:
            key = str(each["point"])
            basis.trends = {**basis.trends, key: max(basis.trends.get(key, 0.0), severity_of(each))}
    if version is not None:
        basis.pattern, _reference = unpack_pattern(bytes(version.fitted))
        basis.is_trusted = version.is_trusted
        ids = [point.pk for point in watched.read]
        rows = dict(
            Condition.objects.filter(asset=asset, hour__lt=first, hour__gte=first - LEVELS_BACK * _HOUR)
            .values_list("hour", "levels")
        )  # fmt: skip
        # An hour that was not judged is a gap: what lies before it is not looked back on as if it were next to it.
        hours = [rows.get(first - n * _HOUR, b"") for n in range(LEVELS_BACK, 0, -1)]
        basis.before = np.vstack([judging.unpack_levels(bytes(packed), ids) for packed in hours])
    return basis


def _trim(asset_id: int, now: datetime) -> None:
    """Keep features and levels for as long as trends and models are made of them, hours for KEPT."""
    rows = Condition.objects.filter(asset_id=asset_id)
    over = now - TREND_SPAN - _HOUR
    rows.filter(hour__gte=over - 2 * REACH, hour__lt=over).exclude(features={}).update(
        features={}, levels=b""
    )
    rows.filter(hour__lt=now - KEPT).delete()


def _keep(asset: Asset, at: datetime, hour: Hour, now: datetime, point_ids: Sequence[int]) -> None:
    Condition.objects.create(
        asset=asset, hour=at, index=hour.index, known=hour.known, parts=hour.parts, reason=hour.reason,
        reason_data=hour.reason_data, features=hour.features, samples=hour.samples, created_at=now,
        levels=judging.pack_levels(point_ids, hour.levels),
    )  # fmt: skip


def _put_onset(asset: Asset, onset: Onset) -> Episode:
    at = datetime.fromtimestamp(onset.at_s, tz=ZoneInfo("UTC"))
    last = Episode.objects.filter(asset=asset).order_by("-started_at").first()
    if last is None or at - last.last_at > QUIET or at - last.started_at > LONGEST:
        last = Episode(asset=asset, started_at=at, points={})
    last.last_at = max(at, last.last_at or at)
    # Scores of one point and of all together are of two kinds; each kind keeps its oddest value.
    key = str(onset.point_id) if not onset.shares else TOGETHER
    if key not in last.points or last.points[key]["score"] < onset.score:
        told = {"score": round(onset.score, 2), "value": onset.value, "at": at.isoformat()}
        last.points[key] = told | ({"shares": onset.shares} if onset.shares else {})
    last.save()
    return last


def _read_columns(watched: Watched, first: datetime, count: int) -> list[Column]:
    """Return the samples of the points that are judged, and of the regime's behind them."""
    points = watched.read
    # The value that holds as the first hour begins is read with it.
    begin, end = to_us(first - _HOUR), to_us(first + count * _HOUR)
    news = telemetry.read_columns([point.pk for point in points], begin, end)
    values = np.where(news.quality == Quality.BAD, np.nan, news.value)
    found = []
    for point in points:
        own = news.point_id == point.pk
        hold = max(float(HOLD_INTERVALS) * point.expected_interval_s, float(SLICE_S))
        worse = watched.worse.get(point.pk, "both")
        found.append(Column(point.pk, news.ts_us[own] / 1e6, values[own], hold, worse))
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
