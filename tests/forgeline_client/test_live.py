"""The live socket of the client: state, changes, breaks, gaps, and a key that ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from forgeline.embedded.service import free_port
from forgeline.identity import keys
from forgeline.realtime import consumers
from forgeline.telemetry import feed, ingest
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from forgeline_client import Client, Gap, NotAuthenticatedError, Refused, Samples
from tests.conftest import Company
from tests.realtime.sockets import boss_of, running_server


@pytest.fixture
def port(live_company: Company, monkeypatch: pytest.MonkeyPatch, settings: Any) -> int:
    monkeypatch.setattr(consumers, "ASKED_AGAIN_S", 0.2)
    settings.ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
    return free_port()


def store(point_id: int, *stamps: int) -> None:
    values = [float(at % 1000) for at in stamps]
    ingest.ingest_batch(
        SampleBatch.from_columns([point_id] * len(stamps), [at * 1000 for at in stamps], values)
    )


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def rows_until(events: Iterator[Any], ts_ms: int) -> list[Any]:
    """Return what came up to a sample of this time."""
    found = []
    for event in events:
        found.append(event)
        if isinstance(event, Samples) and any(row[1] == ts_ms for row in event.rows):
            return found
    raise AssertionError("it ended before")


def test_a_server_that_goes_and_comes_back_leaves_no_gap(
    live_company: Company, points: list[int], port: int
) -> None:
    begin = now_ms()
    with Client(f"http://127.0.0.1:{port}", live_company.viewer_key) as client:
        live = client.live([f"point.{points[0]}", "point.999999"])
        events = iter(live)
        with running_server(port):
            store(points[0], begin)
            first = rows_until(events, begin)
            assert first[0] == Refused("point.999999")
            assert any(isinstance(event, Samples) and event.is_snapshot for event in first)
            store(points[0], begin + 1)
            rows_until(events, begin + 1)
        store(points[0], begin + 2, begin + 3)
        with running_server(port):
            back = rows_until(events, begin + 3)
        told = [row[1] for event in back if isinstance(event, Samples) for row in event.rows]
        assert {begin + 2, begin + 3} <= set(told)
        assert not any(isinstance(event, Gap) for event in back)
        token = live.token
        live.close()
        store(points[0], begin + 4)
        with running_server(port), client.live([f"point.{points[0]}"], resume=token) as again:
            assert rows_until(iter(again), begin + 4)


def test_a_gap_is_read_from_the_store(
    live_company: Company, points: list[int], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "MAX_ROWS", 5)
    begin = now_ms() - 1000
    with running_server(port), Client(f"http://127.0.0.1:{port}", live_company.viewer_key) as client:
        with client.live([f"point.{points[0]}"]) as live:
            events = iter(live)
            next(events)
            store(points[0], *(begin + n for n in range(8)))
            (filled,) = rows_until(events, begin + 7)
            assert [row[1] for row in filled.rows] == [begin + n for n in range(8)]
            assert filled.rows[0] == [points[0], begin, float(begin % 1000), 0, 0]
        with client.live([f"point.{points[0]}"], fill_gaps=False) as live:
            events = iter(live)
            next(events)
            store(points[0], *(begin + 10 + n for n in range(8)))
            gap = next(event for event in events if isinstance(event, Gap))
            assert (gap.points, gap.from_ms, gap.to_ms) == ([points[0]], begin + 10, begin + 18)
            read = client.every_sample(gap.points, gap.from_ms, gap.to_ms)
            assert len(read) == 8
            assert isinstance(read, pd.DataFrame)


def test_a_key_that_ends_is_said_and_not_tried_for_ever(
    live_company: Company, points: list[int], port: int
) -> None:
    with tenant_scope(live_company.tenant_id):
        row, key = keys.make_key(name="x", actor=boss_of(live_company))
    with running_server(port), Client(f"http://127.0.0.1:{port}", key) as client:
        events = iter(client.live([f"point.{points[0]}"]))
        next(events)
        threading.Timer(
            0.1, keys.revoke_api_key, kwargs={"tenant_id": live_company.tenant_id, "api_key_id": row.pk}
        ).start()
        with pytest.raises(NotAuthenticatedError):
            next(events)
