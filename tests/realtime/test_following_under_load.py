"""Under load, with connections that break on either side, a socket that follows misses nothing."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

import psycopg
from django.db import connections

from forgeline.base import clock
from forgeline.telemetry import ingest
from tests.bring import Services
from tests.conftest import Company
from tests.realtime.followers import Load, Sample, batch_of, cut, follow, key_of, listen_for, make_points
from tests.realtime.sockets import make_machines, open_socket


def test_a_connection_that_breaks_again_and_again_under_load_misses_nothing(
    live_company: Company, address: str, record_property: Any
) -> None:
    one, two, _path = make_machines(live_company)
    point_ids = make_points(live_company, one, 4) + make_points(live_company, two, 4)
    before = batch_of(point_ids, [clock.now_us() // 1000 - 7_200_000] * 8)
    ingest.ingest_batch(before)
    heard: list[Sample] = []
    topics = [f"asset.{one}", *(f"point.{point_id}" for point_id in point_ids[4:])]
    with ExitStack() as stack, Load(point_ids, 1) as first, Load(point_ids, 2) as second:
        connected = stack.enter_context(open_socket(address, key_of(live_company)))
        told = follow(connected, *topics)
        state = [row for frame in told if frame["t"] == "snapshot" for row in frame["p"]]
        assert sorted(row[0] for row in state) == sorted(point_ids)
        begin = {(row[0], row[1]) for row in state}
        token = told[-1]["token"]
        at_begin = first.stored | second.stored
        breaks = 0
        for _ in range(5):
            token = listen_for(connected, 0.7, heard) or token
            cut(connected)
            time.sleep(0.3)
            breaks += 1
            connected = stack.enter_context(open_socket(address, key_of(live_company)))
            told = follow(connected, *topics, resume=token)
            assert told[0] == {"t": "subscribed", "topics": sorted(topics), "resumed": True}
        first.stop()
        second.stop()
        listen_for(connected, 4.0, heard)
    stored = first.stored | second.stored
    # What was stored before the snapshot is in it by its newest; everything later is told.
    missed = stored - set(heard) - begin - at_begin
    assert missed == set()
    assert set(heard) <= stored | at_begin | {(row[0], row[1]) for row in state}
    record_property(
        "figure",
        f"live.resume: {len(stored)} samples, {breaks} breaks, {len(heard) - len(set(heard))} doubles",
    )


def test_connections_to_the_store_that_break_lose_nothing(
    live_company: Company, address: str, services: Services, database_name: str
) -> None:
    one, _two, _path = make_machines(live_company)
    point_ids = make_points(live_company, one, 2)
    heard: list[Sample] = []
    with (
        open_socket(address, key_of(live_company)) as connected,
        psycopg.connect(services.admin_url, autocommit=True) as admin,
    ):
        follow(connected, f"asset.{one}")
        with Load(point_ids, 3) as load:
            for _ in range(5):
                listen_for(connected, 0.4, heard)
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE usename = 'forgeline_app' AND datname = %s",
                    [database_name],
                )
        listen_for(connected, 5.0, heard)
    connections.close_all()
    assert load.stored - set(heard) == set()
    assert len(load.stored) > 100
