"""Trained models: asked for, trained once, carded, watched for drift, not trusted when drifted, trained again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.test import Client

from apps.health.judging import pack_levels
from apps.health.models import Advisory, Condition, Episode, ModelVersion, Watch
from apps.health.models.condition import TOGETHER
from apps.health.queries import ledger
from apps.health.queries.ledger import LIFE, PATTERN, find_current, list_failures
from apps.health.queries.watched import read_watched
from apps.health.services import advisories, foresight, training
from apps.health.services.condition import HOURS_A_RUN, judge_machine
from apps.health.services.orders import make_order
from forgeline.assets import services as assets
from forgeline.assets.models import Asset, Point
from forgeline.base import clock
from forgeline.base.errors import ConflictError
from forgeline.identity.policy import Actor
from forgeline.telemetry import ingest
from forgeline.tenancy.scoping import tenant_scope
from tests.apps.health.conftest import Api, api_of
from tests.conftest import Company

SignIn = Callable[[Any], Client]
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _fresh_ingest() -> Iterator[None]:
    yield
    ingest.reset()


@pytest.fixture
def pump(company: Company) -> Asset:
    return _make("pump", company)


def _make(profile: str, company: Company) -> Asset:
    with tenant_scope(company.tenant_id):
        site = assets.create_site(name=f"Works {profile}")
        made = assets.create_asset(
            site_id=site.pk, level="work_unit", name=f"{profile} 1", profile=profile, with_points=True
        )
        return Asset.objects.select_related("site").get(pk=made.pk)


def _hours(asset: Asset, count: int, until: datetime, *, shift: float = 0.0, seed: int = 1) -> None:
    """Hours in which the machine ran well, its points following its speed."""
    watched = read_watched(asset)
    ids = [point.pk for point in watched.read]
    rng = np.random.default_rng(seed)
    end = until.replace(minute=0, second=0, microsecond=0)
    rows = []
    for n in range(count):
        load = np.sin((np.arange(12) + n * 12) / 288 * 2 * np.pi)[:, None]
        levels = 50 + shift + load * np.arange(1, len(ids) + 1) + rng.normal(0, 0.2, (12, len(ids)))
        levels[:, -1] = 1500
        rows.append(
            Condition(
                asset=asset, hour=end - (count - n) * HOUR, index=95.0, known=1.0, created_at=until,
                levels=pack_levels(ids, levels),
            )
        )  # fmt: skip
    Condition.objects.bulk_create(rows)


def _train(asset: Asset) -> ModelVersion:
    row = training.want(PATTERN, asset_id=asset.pk, by="test")
    assert row is not None
    assert training.train_version(row.pk)
    return ModelVersion.objects.get(pk=row.pk)


def test_a_version_is_trained_once_with_its_card_and_the_former_stays_listed(
    company: Company, pump: Asset, boss: Actor
) -> None:
    with tenant_scope(company.tenant_id):
        _hours(pump, 24 * 8, clock.now())
        row = _train(pump)
        assert (row.state, row.number, row.is_trusted) == ("current", 1, True)
        assert row.card["split"] == "time"
        assert row.card["scores"]["false_alarms"] <= 0.05
        assert set(row.card["trivial"]) == set(row.card["scores"])
        assert "vibration" in row.card["features"]
        assert row.card["trained_to_us"] - row.card["trained_from_us"] == 24 * 8 * 3600 * 1_000_000
        assert training.train_version(row.pk) is False, "it is done"
        wanted = training.ask_training(row.pk, actor=boss)
        assert (wanted.number, wanted.state, wanted.asked_by != "") == (2, "wanted", True)
        with pytest.raises(ConflictError):
            training.ask_training(row.pk, actor=boss)
        assert training.list_wanted() == [wanted.pk]
        assert training.train_version(wanted.pk)
        states = dict(ModelVersion.objects.values_list("number", "state"))
        assert states == {1: "former", 2: "current"}


def test_what_cannot_be_trained_says_why_and_leaves_the_version_before(company: Company, pump: Asset) -> None:
    with tenant_scope(company.tenant_id):
        row = _train(pump)
        assert (row.state, row.reason, row.reason_data["samples"]) == ("refused", "too_few_samples", 0)
        _hours(pump, 24 * 8, clock.now())
        assert _train(pump).state == "current"
        Condition.objects.update(index=30.0)
        assert _train(pump).state == "refused", "no hour was healthy"
        current = find_current(PATTERN, asset_id=pump.pk)
        assert current is not None
        assert current.number == 2


def test_hours_of_an_episode_are_learnt_only_when_it_was_false(company: Company, pump: Asset) -> None:
    with tenant_scope(company.tenant_id):
        now = clock.now()
        _hours(pump, 24, now)
        point = Point.objects.filter(asset=pump, key="vibration").get()
        told = {str(point.pk): {"score": 7.0, "value": 9.0, "at": now.isoformat()}}
        episode = Episode.objects.create(
            asset=pump, started_at=now - 12 * HOUR, last_at=now - 10 * HOUR, points=told
        )
        row = advisories.open_for_episode(pump, episode)
        assert row is not None
        watched, since = read_watched(pump), now - timedelta(days=2)

        def count() -> int:
            return len(ledger.read_slices(pump.pk, watched, since, healthy_from=70)[0])

        assert count() < 24
        Advisory.objects.filter(pk=row.pk).update(finding="false")
        assert count() == 24


def test_a_model_that_drifted_says_so_calls_nobody_and_is_trusted_again_when_trained(
    company: Company, pump: Asset, sign_in: SignIn
) -> None:
    with tenant_scope(company.tenant_id):
        now = clock.now()
        _hours(pump, 24 * 10, now - timedelta(days=7))
        version = _train(pump)
        watched = read_watched(pump)
        watch = Watch.objects.create(asset=pump)
        _hours(pump, 24 * 7 - 1, now, seed=3)
        foresight.look_ahead(watch, pump, watched, [], version, now)
        assert version.drift["state"] in ("stable", "shifting")
        assert version.is_trusted
        Condition.objects.filter(hour__gte=now - timedelta(days=7)).delete()
        _hours(pump, 24 * 7 - 1, now, shift=8.0)
        foresight.look_ahead(watch, pump, watched, [], version, now + HOUR)
        assert version.is_trusted, "it is looked at once a day"
        later = now + timedelta(days=1)
        foresight.look_ahead(watch, pump, watched, [], version, later)
        assert (version.drift["state"], version.is_trusted) == ("drifted", False)
        point = watched.points[0]
        told = {"score": 1.6, "value": 9.0, "at": now.isoformat(), "shares": [[point.pk, 1.0]]}
        episode = Episode.objects.create(asset=pump, started_at=now, last_at=now, points={TOGETHER: told})
        row = advisories.open_for_episode(pump, episode, version)
        assert row is not None
        assert (row.model, row.version, row.was_told) == (PATTERN, "1", False)
        Advisory.objects.update(finding="other")
    page = sign_in(company.manager)
    assert (
        "It weighs nothing and calls nobody"
        in page.get(f"/health/condition/models/{version.pk}/").content.decode()
    )
    assert "not trusted" in page.get("/health/condition/models/").content.decode()
    said = page.post(f"/health/condition/models/{version.pk}/", {"train": "1"}, follow=True).content.decode()
    assert "A new version is asked for" in said
    with tenant_scope(company.tenant_id):
        [wanted] = training.list_wanted()
        assert training.train_version(wanted)
        again = find_current(PATTERN, asset_id=pump.pk)
        assert again is not None
        assert (again.number, again.is_trusted, again.drift) == (2, True, {})
    said = page.get("/health/condition/models/machine_pattern/").content.decode()
    assert "replaced" in said, "older versions stay listed"


def test_who_may_only_look_trains_nothing(company: Company, viewer_api: Api, api: Api, pump: Asset) -> None:
    with tenant_scope(company.tenant_id):
        _hours(pump, 24 * 8, clock.now())
        row = _train(pump)
    [told] = viewer_api.get("model-versions/")["results"]
    assert (told["number"], told["is_trusted"], told["card"]["split"]) == (1, True, "time")
    viewer_api.post(f"model-versions/{row.pk}/train/", status=403)
    assert api.post(f"model-versions/{row.pk}/train/")["state"] == "wanted"
    assert api.post(f"model-versions/{row.pk}/train/", status=409)["key"] == "health.training_waits"


def test_the_first_training_is_asked_for_by_itself_and_a_refused_one_again_after_a_week(
    company: Company, pump: Asset
) -> None:
    with tenant_scope(company.tenant_id):
        now, watched, watch = clock.now(), read_watched(pump), Watch.objects.create(asset=pump)
        foresight.look_ahead(watch, pump, watched, [], None, now)
        assert training.list_wanted() == [], "nothing is known of it yet"
        _hours(pump, 24 * 4, now)
        for _twice in range(2):
            foresight.look_ahead(watch, pump, watched, [], None, now)
        [wanted] = training.list_wanted()
        ModelVersion.objects.filter(pk=wanted).update(state="refused")
        foresight.look_ahead(watch, pump, watched, [], None, now)
        assert training.list_wanted() == []
        foresight.look_ahead(watch, pump, watched, [], None, now + timedelta(days=8))
        assert len(training.list_wanted()) == 1


def _fail(asset: Asset, at: datetime) -> None:
    """A finding confirmed in a work order."""
    point = Point.objects.filter(asset=asset, key="vibration").get()
    told = {str(point.pk): {"score": 7.0, "value": 9.0, "at": at.isoformat()}}
    episode = Episode.objects.create(asset=asset, started_at=at - HOUR, last_at=at - HOUR, points=told)
    row = advisories.open_for_episode(asset, episode)
    assert row is not None
    order = make_order(asset_id=asset.pk, title="x", by="x")
    order.down_from = at
    order.save()
    Advisory.objects.filter(pk=row.pk).update(finding="confirmed", found_at=at, work_order=order)


def test_a_kind_with_too_few_failures_says_how_many_there_are(
    company: Company, api: Api, pump: Asset, sign_in: SignIn
) -> None:
    with tenant_scope(company.tenant_id):
        now = clock.now()
        for days in (40, 38, 10):
            _fail(pump, now - timedelta(days=days))
        found = list_failures("pump")
        assert [(each.to_at, each.from_at) for each in found] == [
            (now - timedelta(days=40), now - timedelta(days=220)),
            (now - timedelta(days=10), now - timedelta(days=40)),
        ], "two findings of two days are one failure"
        watch = Watch.objects.create(asset=pump)
        foresight.look_ahead(watch, pump, read_watched(pump), [], None, now)
        watch.save()
        assert watch.life["reason"] == "too_few_failures"
    [told] = api.get("machine-outlooks/")["results"]
    assert told["life"]["says"] == "2 of 10 failures."
    page = sign_in(company.manager)
    assert "2 of 10 failures" in page.get(f"/health/condition/{pump.pk}/").content.decode()
    said = page.get("/health/condition/models/").content.decode()
    assert "2 of 10 failures" in said, said[-2500:]


def _life(rows: int, seed: int, points: int) -> Any:
    rng = np.random.default_rng(seed)
    wear = np.maximum(0, np.arange(rows) - rows + 90) / 90
    return 50 + 10 * wear[:, None] ** 2 * np.arange(1, points + 1) + rng.normal(0, 0.3, (rows, points))


def test_ten_failures_train_a_model_that_tells_how_long_is_left(
    company: Company, pump: Asset, sign_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = len(read_profile_points(company, pump))
    lives = [_life(120 + 7 * n, n, points) for n in range(10)]
    with tenant_scope(company.tenant_id):
        now = clock.now()
        for n in range(10):
            _fail(pump, now - timedelta(days=20 * (10 - n)))
        by_end = {failure.to_at: life for failure, life in zip(list_failures("pump"), lives, strict=True)}
        fresh = _life(150, 99, points)[:-20]
        monkeypatch.setattr(training, "read_life", lambda _ids, _from, to_at: by_end[to_at])
        monkeypatch.setattr(foresight, "read_life", lambda _ids, _from, _to: fresh)
        watch, watched = Watch.objects.create(asset=pump), read_watched(pump)
        foresight.look_ahead(watch, pump, watched, [], None, now)
        assert watch.life["reason"] == "training_waits"
        [wanted] = training.list_wanted()
        assert training.train_version(wanted)
        row = find_current(LIFE, profile="pump")
        assert row is not None
        assert row.card["scores"]["rmse_h"] < row.card["trivial"]["rmse_h"]
        assert row.card["settings"]["failures"] == 10
        foresight.look_ahead(watch, pump, watched, [], None, now)
        assert watch.life["low_s"] <= watch.life["expected_s"] <= watch.life["high_s"]
        assert watch.life["expected_s"] / 3600 == pytest.approx(80, abs=40)
        told = Advisory.objects.get(kind="life")
        assert (told.model, told.version, told.lead_s) == (LIFE, "1", watch.life["expected_s"])
        for hours in (1, 8):
            foresight.look_ahead(watch, pump, watched, [], None, now + timedelta(hours=hours))
        watch.save()
        assert [row[1:] for row in watch.life["past"]] == [
            [None] * 3, [watch.life[name] for name in ("expected_s", "low_s", "high_s")]
        ]  # fmt: skip
        foresight.look_ahead(watch, pump, watched, [], None, now + timedelta(hours=15))
        watch.save()
    said = sign_in(company.manager).get(f"/health/condition/{pump.pk}/").content.decode()
    assert 'data-plot="plot-life"' in said
    with tenant_scope(company.tenant_id):
        monkeypatch.setattr(foresight, "read_life", lambda _ids, _from, _to: fresh + 80)
        foresight.look_ahead(watch, pump, watched, [], None, now + timedelta(days=1))
        row.refresh_from_db()
        assert row.drift["state"] == "drifted"
        assert watch.life["reason"] == "drifted"


def read_profile_points(company: Company, asset: Asset) -> tuple[Point, ...]:
    with tenant_scope(company.tenant_id):
        return read_watched(asset).points


@pytest.mark.parametrize("profile", ["chiller", "pump", "compressor"])
def test_a_new_machine_of_a_known_kind_has_an_index_after_an_hour_without_a_setting(
    live_company: Company, profile: str, sign_in: SignIn
) -> None:
    asset = _make(profile, live_company)
    api = api_of(live_company.manager_key)
    hour = clock.now().replace(minute=0, second=0, microsecond=0) - HOUR
    with tenant_scope(live_company.tenant_id):
        watched = read_watched(asset)
        near = {point_id: limit.value for point_id, _is_upper, limit in watched.of_profile}
    for point in watched.read:
        value = near.get(point.pk, 20.0) * 0.5
        ts = [int((hour.timestamp() + 60 * n) * 1000) for n in range(60)]
        body = {"point": [point.pk] * 60, "ts": ts, "value": [value + n % 3 * 0.01 for n in range(60)]}
        assert api.post("samples/", body)["accepted"] == 60
    with tenant_scope(live_company.tenant_id, branches=()):
        at = hour + HOUR + timedelta(minutes=6)
        assert judge_machine(asset.pk, now=at, settle=timedelta(0)) in range(1, HOURS_A_RUN)
        row = Condition.objects.get(asset=asset)
        assert row.index == 100
        assert row.reason_data == {"hours": 1.0, "needed": 24.0}
    said = sign_in(live_company.manager).get(f"/health/condition/{asset.pk}/").content.decode()
    assert "by the limits of its kind alone" in said


def test_a_vibration_near_the_limit_of_its_kind_takes_points_in_the_first_hour(live_company: Company) -> None:
    asset = _make("pump", live_company)
    api = api_of(live_company.manager_key)
    hour = clock.now().replace(minute=0, second=0, microsecond=0) - HOUR
    with tenant_scope(live_company.tenant_id):
        point = Point.objects.get(asset=asset, key="vibration")
    ts = [int((hour.timestamp() + 60 * n) * 1000) for n in range(60)]
    api.post("samples/", {"point": [point.pk] * 60, "ts": ts, "value": [7.1] * 60})
    with tenant_scope(live_company.tenant_id, branches=()):
        judge_machine(asset.pk, now=hour + HOUR + timedelta(minutes=6), settle=timedelta(0))
        row = Condition.objects.get(asset=asset)
    # Of three limits one is known: too little for an index, and it says so.
    assert (row.index, row.reason) == (None, "too_many_gaps")


def test_a_point_of_the_same_role_stands_for_the_one_of_the_profile(
    company: Company, api: Api, pump: Asset
) -> None:
    with tenant_scope(company.tenant_id):
        Point.objects.filter(asset=pump, key="vibration").update(key="vib_de", unit="m/s")
        watched = read_watched(pump)
        point = next(each for each in watched.points if each.key == "vib_de")
        assert watched.worse[point.pk] == "high"
        limits = {point_id: limit.value for point_id, _is_upper, limit in watched.of_profile}
        assert limits[point.pk] == pytest.approx(0.0071), "in the point's own unit"
        assert watched.regime is not None
        assert watched.regime.key == "speed"
        assert "suction_pressure" not in {each.key for each in watched.points}, (
            "the profile names no such feature"
        )
        Point.objects.filter(pk=point.pk).update(unit="Cel")
        limits = {point_id: limit.value for point_id, _is_upper, limit in read_watched(pump).of_profile}
        assert point.pk not in limits, "another quantity: the limit says nothing of it"
