"""A socket that follows: snapshot then delta, and whatever breaks, nothing is missed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, connections, transaction

from forgeline.alarms import services as alarms
from forgeline.alarms.models import Alarm, EntryKind, JournalEntry
from forgeline.assets import services as assets
from forgeline.assets.models import Asset
from forgeline.base import clock
from forgeline.identity.keys import make_key
from forgeline.realtime import following
from forgeline.telemetry import feed, ingest, live
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.realtime.followers import batch_of, follow, key_of, make_points, until_frame
from tests.realtime.sockets import ask, boss_of, hear, make_machines, open_socket


def test_a_snapshot_shows_what_was_stored_a_moment_ago_and_empty_topics_too(
    live_company: Company, address: str
) -> None:
    one, two, _path = make_machines(live_company)
    (number,) = make_points(live_company, one, 1)
    (word,) = make_points(live_company, one, 1, kind=4)
    now = clock.now_us() // 1000
    ingest.ingest_batch(batch_of([number], [now]))
    ingest.ingest_batch(batch_of([word], [now], text=["A-17"]))
    with open_socket(address, key_of(live_company)) as connected:
        told = follow(connected, f"asset.{one}", f"asset.{two}")
        assert [frame["t"] for frame in told] == ["subscribed", "snapshot", "snapshot"]
        assert [number, now, now % 100_000, 0, 0] in told[1]["p"]
        assert told[2]["p"] == []
        # The latest text may be a second old: the log since before it comes as well.
        texts = [row for row in told[1]["p"] if row[0] == word]
        if not texts:
            texts = [row for row in until_frame(connected, "samples")["p"] if row[0] == word]
        assert texts == [[word, now, "A-17", 0, 0]]


def test_a_point_that_is_made_later_is_followed_and_a_branch_has_all_beneath(
    live_company: Company, address: str
) -> None:
    one, _two, _path = make_machines(live_company)
    with tenant_scope(live_company.tenant_id):
        site_id = Asset.objects.get(pk=one).site_id
        below = assets.create_asset(site_id=site_id, level="work_unit", name="Press", parent_id=one).pk
    with open_socket(address, key_of(live_company)) as connected:
        follow(connected, f"branch.{one}", f"asset.{below}")
        (made,) = make_points(live_company, below, 1)
        now = clock.now_us() // 1000
        ingest.ingest_batch(batch_of([made], [now]))
        frames = [until_frame(connected, "samples") for _ in range(2)]
        assert sorted(frame["topic"] for frame in frames) == [f"asset.{below}", f"branch.{one}"]
        assert all(frame["p"] == [[made, now, now % 100_000, 0, 0]] for frame in frames)
        assert "token" in frames[1]


def test_what_an_older_transaction_holds_back_comes_when_it_ends(live_company: Company, address: str) -> None:
    one, _two, _path = make_machines(live_company)
    (point_id,) = make_points(live_company, one, 1)
    now = clock.now_us() // 1000
    with open_socket(address, key_of(live_company)) as connected:
        follow(connected, f"point.{point_id}")
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()")
            thread = threading.Thread(target=_store_elsewhere, args=(batch_of([point_id], [now]),))
            thread.start()
            thread.join()
            with pytest.raises(TimeoutError):
                connected.recv(timeout=1)
        assert until_frame(connected, "samples")["p"][0][:2] == [point_id, now]


def _store_elsewhere(batch: SampleBatch) -> None:
    try:
        ingest.ingest_batch(batch)
    finally:
        connections.close_all()


def test_who_is_too_far_behind_is_told_of_a_gap_and_of_the_state(
    live_company: Company, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _two, _path = make_machines(live_company)
    (point_id,) = make_points(live_company, one, 1)
    now = clock.now_us() // 1000
    monkeypatch.setattr(feed, "MAX_COMMITS", 1)
    with open_socket(address, key_of(live_company)) as connected:
        token = follow(connected, f"asset.{one}")[-1]["token"]
    for n in range(3):
        ingest.ingest_batch(batch_of([point_id], [now + n]))
    with open_socket(address, key_of(live_company)) as connected:
        follow(connected, f"asset.{one}", resume=token)
        monkeypatch.setattr(following, "RESUME_S", -1)
        assert until_frame(connected, "gap")["why"] == "too_slow"
        assert until_frame(connected, "snapshot")["p"][0][:2] == [point_id, now + 2]


@pytest.fixture
def _no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody publishes: what wakes followers is lost."""
    monkeypatch.setattr(live, "publish_many", lambda _messages: None)


@pytest.mark.usefixtures("_no_redis")
def test_it_goes_on_without_a_word_from_redis(live_company: Company, address: str) -> None:
    one, _two, _path = make_machines(live_company)
    (point_id,) = make_points(live_company, one, 1)
    with open_socket(address, key_of(live_company)) as connected:
        follow(connected, f"asset.{one}")
        now = clock.now_us() // 1000
        ingest.ingest_batch(batch_of([point_id], [now]))
        assert until_frame(connected, "samples")["p"][0][:2] == [point_id, now]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda token: "nonsense", "unknown_token"),
        (lambda token: token.replace("samples", "nothing"), "unknown_token"),
        (lambda token: "~".join([*token.split("~")[:2], "1000000", *token.split("~")[3:]]), "too_long_ago"),
        (lambda token: "~".join(["1", "abc", *token.split("~")[2:]]), "other_store"),
        (lambda token: token.rpartition("samples-")[0] + "samples-9000000000000-1", "other_store"),
        (lambda token: token.rpartition("samples-")[0] + f"samples-{2**63}-1", "unknown_token"),
    ],
)
def test_a_token_that_is_no_good_is_a_gap_and_a_snapshot(
    live_company: Company, address: str, change: Any, why: str
) -> None:
    one, _two, _path = make_machines(live_company)
    with open_socket(address, key_of(live_company)) as connected:
        token = follow(connected, f"asset.{one}")[-1]["token"]
    with open_socket(address, key_of(live_company)) as connected:
        told = follow(connected, f"asset.{one}", resume=change(token))
        assert told[0]["resumed"] is False
        assert told[1] == {"t": "gap", "topics": [f"asset.{one}"], "why": why}
        assert told[2]["t"] == "snapshot"


def test_more_than_one_frame_holds_is_told_as_a_gap_with_what_to_read(
    live_company: Company, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "MAX_ROWS", 10)
    one, _two, _path = make_machines(live_company)
    (point_id,) = make_points(live_company, one, 1)
    with open_socket(address, key_of(live_company)) as connected:
        follow(connected, f"asset.{one}")
        now = clock.now_us() // 1000 - 1000
        stamps = [now + n for n in range(11)]
        ingest.ingest_batch(batch_of([point_id] * 11, stamps))
        gap = until_frame(connected, "gap")
        assert gap["points"] == [point_id]
        assert (gap["from_ms"], gap["to_ms"]) == (now, now + 11)
        ingest.ingest_batch(batch_of([point_id], [now + 500]))
        assert until_frame(connected, "samples")["p"] == [[point_id, now + 500, (now + 500) % 100_000, 0, 0]]


@contextmanager
def _alarm(company: Company, asset_id: int) -> Iterator[int]:
    now = clock.now()
    definition = {
        "name": {"en": "Power high"},
        "condition": {"kind": "limit", "point": "p0", "level": "H", "limit": 75.0},
    }
    with tenant_scope(company.tenant_id):
        alarm = Alarm.objects.create(
            asset_id=asset_id, key="power_high", definition=definition, is_out=True, is_active=True,
            is_acknowledged=False, since_us=clock.to_us(now), changed_us=clock.to_us(now), raised_at=now, value=80.0,
        )  # fmt: skip
        JournalEntry.objects.create(alarm=alarm, kind=EntryKind.RAISED, happened_at=now, value=80.0)
    yield alarm.pk


def test_alarms_come_as_a_snapshot_and_then_entry_by_entry(live_company: Company, address: str) -> None:
    one, _two, _path = make_machines(live_company)
    boss = boss_of(live_company)
    with _alarm(live_company, one) as alarm_id:
        with open_socket(address, key_of(live_company)) as connected:
            told = follow(connected, "alarms")
            assert told[1]["topic"] == f"alarms.{live_company.tenant_id}"
            assert [row["id"] for row in told[1]["alarms"]] == [alarm_id]
            with tenant_scope(live_company.tenant_id):
                alarms.acknowledge([alarm_id], text="seen", actor=boss)
            frame = until_frame(connected, "alarms")
            assert [(row["kind"], row["text"]) for row in frame["entries"]] == [("acknowledged", "seen")]
            assert frame["alarms"][0]["is_acknowledged"] is True
            token = frame["token"]
        with tenant_scope(live_company.tenant_id):
            alarms.comment([alarm_id], text="while away", actor=boss)
        with open_socket(address, key_of(live_company)) as connected:
            ask(connected, op="subscribe", topics=["alarms"], resume=token)
            frame = until_frame(connected, "alarms")
            assert [row["text"] for row in frame["entries"]] == ["while away"]


def test_a_follower_hears_no_more_than_its_key_may(live_company: Company, address: str) -> None:
    one, two, path = make_machines(live_company)
    mine, other = make_points(live_company, one, 1) + make_points(live_company, two, 1)
    with tenant_scope(live_company.tenant_id):
        _row, key = make_key(name="x", role="viewer", branches=[path], actor=boss_of(live_company))
    with open_socket(address, {"X-API-Key": key}) as connected:
        ask(
            connected,
            op="subscribe",
            snapshot=True,
            topics=[f"asset.{one}", f"asset.{two}", f"point.{other}", "commits"],
        )
        refused = [hear(connected)["topic"] for _ in range(3)]
        assert refused == [f"asset.{two}", f"commits.{live_company.tenant_id}", f"point.{other}"]
        assert hear(connected) == {"t": "subscribed", "topics": [f"asset.{one}"]}
        now = clock.now_us() // 1000
        ingest.ingest_batch(batch_of([mine, other], [now, now]))
        assert until_frame(connected, "samples")["p"] == [[mine, now, now % 100_000, 0, 0]]


def test_there_is_room_for_so_many_and_so_many_points(
    live_company: Company, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _two, _path = make_machines(live_company)
    make_points(live_company, one, 3)
    monkeypatch.setattr(feed, "MAX_POINTS", 2)
    monkeypatch.setattr(following, "MAX_FOLLOWERS", 1)
    monkeypatch.setattr(following, "_count", 0)
    with open_socket(address, key_of(live_company)) as first:
        ask(first, op="subscribe", topics=[f"asset.{one}"], snapshot=True)
        told = hear(first)
        assert (told["t"], told["key"]) == ("error", "realtime.too_many_points")
        with open_socket(address, key_of(live_company)) as second:
            ask(second, op="subscribe", topics=[f"asset.{one}"], snapshot=True)
            assert hear(second)["key"] == "realtime.too_many_followers"
            # The plain way is open to it.
            ask(second, op="subscribe", topics=[f"asset.{one}"])
            assert hear(second) == {"t": "subscribed", "topics": [f"asset.{one}"]}


def test_who_leaves_hears_nothing_more(live_company: Company, address: str) -> None:
    one, _two, _path = make_machines(live_company)
    (point_id,) = make_points(live_company, one, 1)
    with open_socket(address, key_of(live_company)) as connected:
        follow(connected, f"point.{point_id}")
        ask(connected, op="unsubscribe", topics=[f"point.{point_id}"])
        ask(connected, op="ping")
        assert hear(connected)["t"] == "pong"
        ingest.ingest_batch(batch_of([point_id], [clock.now_us() // 1000]))
        with pytest.raises(TimeoutError):
            connected.recv(timeout=1)
