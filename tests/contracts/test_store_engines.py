"""What every store engine promises (telemetry/engines/base): idempotent writes, chunks, walls, the commit log."""

from __future__ import annotations

import threading
import time

import numpy as np
import psycopg
import pytest
from django.db import connection, connections
from django.db.utils import ProgrammingError

from forgeline.base.clock import now_us
from forgeline.telemetry import ingest, maintenance, queries
from forgeline.telemetry.engines.base import CommitPosition, Resolution
from forgeline.telemetry.engines.catalogue import current_engine
from forgeline.telemetry.engines.connection import store_connection
from forgeline.telemetry.recovery import Recovery
from forgeline.telemetry.sample import Quality, SampleBatch, SampleFlag
from forgeline.tenancy.context import TenancyError
from forgeline.tenancy.scoping import tenant_scope
from tests.telemetry.conftest import Plant
from tests.telemetry.rollup_tables import assert_equal, expected_rollup, stored_rollup

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR


def _raw(plant: Plant, point_id: int) -> list[tuple]:
    with tenant_scope(plant.tenant_id):
        return [row for page in queries.iterate_raw(point_id, 0, now_us() + DAY) for row in page]


def test_the_engine_is_a_fact_of_the_database(quiet_store: str) -> None:
    assert current_engine().capabilities.name == quiet_store
    assert not current_engine().capabilities.compresses


def test_values_come_back_as_they_went_in(plant: Plant) -> None:
    point = plant.add_point("p")
    at = now_us() - HOUR
    values = [0.1, -1e300, 5e-324, float("nan"), 2.0**60]
    batch = SampleBatch.from_columns(
        [point] * 5, [at + i for i in range(5)], values,
        quality=[0, 1, 0, 2, 0], status=[0, 0, 7, 0x80000000, 0], flags=[0, 1, 2, 4, 0],
    )  # fmt: skip
    assert ingest.ingest_batch(batch).inserted == 5
    assert _raw(plant, point) == [
        (at, 0.1, 0, 0, 0), (at + 1, -1e300, 1, 1, 0), (at + 2, 5e-324, 1, 2, 7),
        (at + 3, None, 2, 4, 0x80000000), (at + 4, 2.0**60, 0, 0, 0),
    ]  # fmt: skip


def test_sending_again_changes_nothing(plant: Plant) -> None:
    points = [plant.add_point(f"p{i}") for i in range(3)]
    at = now_us() - HOUR
    batch = SampleBatch.from_columns(points * 4, [at + i // 3 * SECOND for i in range(12)], range(12))
    assert ingest.ingest_batch(batch).inserted == 12
    before = [_raw(plant, point) for point in points]
    again = ingest.ingest_batch(batch)
    assert (again.accepted, again.inserted, again.replaced) == (12, 0, 12)
    # A process that knows nothing of the first time finds out by itself.
    ingest.reset()
    again = ingest.ingest_batch(batch)
    assert (again.accepted, again.inserted, again.replaced) == (12, 0, 12)
    assert [_raw(plant, point) for point in points] == before


def test_the_last_write_wins(plant: Plant) -> None:
    point = plant.add_point("p")
    at = now_us() - HOUR
    result = ingest.ingest_batch(SampleBatch.from_columns([point] * 3, [at, at + 1, at], [1, 2, 3]))
    assert (result.accepted, result.inserted, result.duplicates) == (3, 2, 1)
    assert result.duplicate_rows is not None
    assert result.duplicate_rows.tolist() == [True, False, False]
    ingest.ingest_batch(SampleBatch.from_columns([point], [at + 1], [9]))
    assert [row[:2] for row in _raw(plant, point)] == [(at, 3), (at + 1, 9)]


def test_a_held_row_never_replaces_a_measured_one(plant: Plant) -> None:
    point = plant.add_point("p")
    at = now_us() - HOUR
    ingest.ingest_batch(SampleBatch.from_columns([point], [at], [1]))
    ingest.ingest_batch(SampleBatch.from_columns([point], [at], [2], flags=[SampleFlag.HELD]))
    assert [row[1] for row in _raw(plant, point)] == [1]


def test_old_rows_find_a_chunk(plant: Plant) -> None:
    point = plant.add_point("p")
    now = now_us()
    ts = [now - days * DAY for days in (0, 29, 3, 17)]
    assert ingest.ingest_batch(SampleBatch.from_columns([point] * 4, ts, range(4))).accepted == 4
    assert [row[1] for row in _raw(plant, point)] == [1, 3, 2, 0]


def test_a_chunk_that_another_process_dropped_is_made_again(plant: Plant) -> None:
    point = plant.add_point("p")
    now = now_us()
    ingest.ingest_batch(SampleBatch.from_columns([point], [now - 20 * DAY], [1]))
    with store_connection() as connection:
        connection.execute("SELECT telemetry_drop_chunks('telemetry_sample', now() - interval '10 days')")
    assert _raw(plant, point) == []
    ingest.reset()
    ingest.tracker()
    ingest.ingest_batch(SampleBatch.from_columns([point], [now - 20 * DAY], [2]))
    assert [row[1] for row in _raw(plant, point)] == [2]


def test_retention_drops_whole_days(plant: Plant, settings) -> None:
    point = plant.add_point("p")
    now = now_us()
    ingest.ingest_batch(SampleBatch.from_columns([point] * 2, [now - 20 * DAY, now - DAY], [1, 2]))
    settings.TELEMETRY = settings.TELEMETRY | {"RETENTION_DAYS": 10.0}
    assert maintenance.apply_retention() > 0
    assert [row[1] for row in _raw(plant, point)] == [2]
    refused = ingest.ingest_batch(SampleBatch.from_columns([point], [now - 20 * DAY], [1]))
    assert refused.rejected == {"telemetry.too_old": 1}


def test_a_tenants_shorter_retention_is_cut_at_once(plant: Plant, foreign_plant: Plant) -> None:
    mine, theirs = plant.add_point("p"), foreign_plant.add_point("p")
    now = now_us()
    ts = [now - 5 * DAY, now - HOUR]
    ingest.ingest_batch(SampleBatch.from_columns([mine] * 2 + [theirs] * 2, ts * 2, [1, 2, 1, 2]))
    with tenant_scope(plant.tenant_id), connection.cursor() as cursor:
        cursor.execute("INSERT INTO telemetry_retention VALUES (%s, 2)", [plant.tenant_id])
    assert [row[1] for row in _raw(plant, mine)] == [2]
    maintenance.apply_retention()
    assert [row[1] for row in _raw(foreign_plant, theirs)] == [1, 2]
    with store_connection() as store:
        left = store.execute("SELECT count(*) FROM telemetry_sample WHERE point_id = %s", [mine]).fetchone()
    assert left == (1,)


def test_latest_never_moves_back(plant: Plant) -> None:
    point, word = plant.add_point("p"), plant.add_point("w", kind=4)
    now = now_us()
    ingest.ingest_batch(
        SampleBatch.from_columns([point, word], [now, now], [5, float("nan")], text=[None, "ready"])
    )
    ingest.flush()
    ingest.ingest_batch(SampleBatch.from_columns([point], [now - MINUTE], [4]))
    ingest.flush()
    # A process that starts anew takes an old row; the table still only moves forward.
    ingest.reset()
    ingest.ingest_batch(SampleBatch.from_columns([point], [now - 2 * MINUTE], [3]))
    ingest.flush()
    with tenant_scope(plant.tenant_id):
        latest = queries.read_latest([point, word])
    assert (latest[point].ts_us, latest[point].value) == (now, 5.0)
    assert (latest[word].ts_us, latest[word].value) == (now, "ready")
    # Written once more for the same instant: the last write wins here too.
    ingest.ingest_batch(SampleBatch.from_columns([point], [now], [6]))
    ingest.flush()
    with tenant_scope(plant.tenant_id):
        assert queries.read_latest([point])[point].value == 6.0


def test_a_stranger_sees_nothing(plant: Plant, foreign_plant: Plant) -> None:
    mine = plant.add_point("mine", expected_interval_s=1.0)
    start = (now_us() - 30 * HOUR) // HOUR * HOUR
    ts = start + np.arange(0, 2 * HOUR, 30 * SECOND)
    ingest.ingest_batch(SampleBatch.from_columns(np.full(len(ts), mine), ts, np.arange(len(ts))))
    ingest.flush()
    views = ["sample", "latest", "rollup_1m", "rollup_1h"]
    with tenant_scope(plant.tenant_id), connection.cursor() as cursor:
        for view in views:
            cursor.execute(f"SELECT count(*) FROM telemetry_read_{view} WHERE point_id = %s", [mine])
            assert cursor.fetchone()[0] > 0, view
    with tenant_scope(foreign_plant.tenant_id), connection.cursor() as cursor:
        for view in [*views, "text", "rollup_1d"]:
            cursor.execute(f"SELECT count(*) FROM telemetry_read_{view}")
            assert cursor.fetchone()[0] == 0, view
        cursor.execute("SELECT count(*) FROM telemetry_last_before(ARRAY[%s], now())", [mine])
        assert cursor.fetchone()[0] == 0
        cursor.execute("SELECT count(*) FROM telemetry_commit")
        assert cursor.fetchone()[0] == 0
        assert queries.read_series([mine], start, start + HOUR) == []
        cursor.execute(
            "SELECT count(*) FROM telemetry_read_reference("
            "ARRAY[%s], ARRAY[to_timestamp(%s)], ARRAY[now()], ARRAY[1000000::bigint], ARRAY[0::smallint])",
            [mine, start / 1e6],
        )
        assert cursor.fetchone()[0] == 0
    with pytest.raises(TenancyError):
        queries.read_latest([mine])


@pytest.mark.parametrize(
    "table", ["sample", "text", "latest", "rollup_1m", "rollup_1h", "rollup_1d", "writer"]
)
def test_the_app_may_not_touch_the_tables(quiet_store: str, table: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM telemetry_{table}")
    connection.close()


def test_the_app_may_not_touch_a_chunk(plant: Plant) -> None:
    point = plant.add_point("p")
    ingest.ingest_batch(SampleBatch.from_columns([point], [now_us()], [1]))
    chunk = next(chunk for chunk in current_engine().list_chunks() if chunk.to_us > now_us())
    schema = "public" if current_engine().capabilities.name == "postgres" else "_timescaledb_internal"
    with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute(f'SELECT * FROM "{schema}"."{chunk.name}"')
    connection.close()


def _commits_once_seen(owner: Plant, after: CommitPosition, *, least: int) -> list[queries.Commit]:
    """Ask until they are there: a transaction of another test on this server holds back what followers see."""
    deadline = time.monotonic() + 20
    while True:
        with tenant_scope(owner.tenant_id):
            commits = queries.list_commits_since(after)
        if len(commits) >= least or time.monotonic() > deadline:
            return commits
        time.sleep(0.05)


def test_a_batch_may_mix_tenants(plant: Plant, foreign_plant: Plant) -> None:
    mine, theirs = plant.add_point("p"), foreign_plant.add_point("p")
    at = now_us() - HOUR
    ingest.ingest_batch(SampleBatch.from_columns([theirs, mine, theirs], [at, at + 1, at + 2], [1, 2, 3]))
    for owner, point, span in ((plant, mine, (at + 1, at + 1)), (foreign_plant, theirs, (at, at + 2))):
        commits = _commits_once_seen(owner, CommitPosition(0, 0), least=1)
        assert [(commit.point_ids, commit.from_us, commit.to_us) for commit in commits] == [((point,), *span)]


def test_a_follower_never_misses_a_commit_that_took_long(plant: Plant) -> None:
    """The first writer takes its number, the second commits before it: the follower waits for both."""
    point = plant.add_point("p")
    at = now_us() - HOUR
    ingest.ingest_batch(SampleBatch.from_columns([point], [at], [1]))
    parameters = connections["ingest"].get_connection_params()
    parameters.pop("cursor_factory", None)
    with psycopg.connect(**{k: v for k, v in parameters.items() if k != "context"}) as slow:
        slow.execute(
            "INSERT INTO telemetry_commit (tenant_id, writer_id, ts_from, ts_to, inserted, replaced, point_ids)"
            " VALUES (%s, 0, now(), now(), 1, 0, %s)",
            [plant.tenant_id, [point]],
        )
        ingest.ingest_batch(SampleBatch.from_columns([point], [at + 1], [2]))
        early = _commits_once_seen(plant, CommitPosition(0, 0), least=1)
        slow.commit()
    rest = _commits_once_seen(plant, early[-1].position, least=2)
    assert len(early) == 1
    assert len(rest) == 2


def test_two_writers_of_one_point_lose_nothing(plant: Plant) -> None:
    point = plant.add_point("p", expected_interval_s=1.0)
    start = (now_us() - 2 * HOUR) // HOUR * HOUR
    ts = start + np.arange(0, 600 * SECOND, SECOND)
    batches = [
        SampleBatch.from_columns([point] * 20, ts[i : i + 20], np.arange(i, i + 20))
        for i in range(0, 600, 20)
    ]
    failures: list[BaseException] = []

    def foreign(part: list[SampleBatch]) -> None:
        """Another process, as the store sees it: rows and commits by a connection of its own."""
        from forgeline.telemetry.engines import store, writers

        try:
            with store_connection() as connection:
                number = writers.register(connection)
                for batch in part:
                    with connection.transaction():
                        store.upsert_samples(connection, batch)
                        store.insert_commits(connection, number, [_commit(plant, point, batch)])
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        finally:
            connections["ingest"].close()

    other = threading.Thread(target=foreign, args=(batches[::2],))
    other.start()
    for batch in batches[1::2]:
        ingest.ingest_batch(batch)
        ingest.flush(now_us=int(batch.ts_us[-1]))
    other.join()
    assert not failures
    # The other one dies without a word; what it left is brought on.
    ingest.tracker().recovery = Recovery(silent_s=0.0)
    ingest.flush(now_us=start + 2 * HOUR)
    ingest.flush(now_us=start + 2 * HOUR)
    assert [row[1] for row in _raw(plant, point)] == list(range(600))
    for resolution in (Resolution.MINUTE, Resolution.HOUR):
        expected = expected_rollup(
            point, resolution, start, start + HOUR, interval_s=1.0, is_counter=False, zone="Europe/Berlin"
        )
        assert_equal(stored_rollup(point, resolution), expected, resolution)


def _commit(plant: Plant, point: int, batch: SampleBatch):
    from forgeline.telemetry.engines.base import CommitRow

    return CommitRow(
        plant.tenant_id, np.array([point], np.int32), int(batch.ts_us[0]), int(batch.ts_us[-1]), len(batch), 0,
        np.zeros(0, np.int32), None,
    )  # fmt: skip


def test_rollups_are_the_references(plant: Plant) -> None:
    """A day of 25 hours with gaps, bad values and a reset, on both engines by the same statement."""
    day = 1_792_879_200 * SECOND  # 2026-10-25T00:00+02:00
    for kind, interval_s in ((0, 10.0), (1, 10.0), (0, 120.0), (1, 900.0)):
        point = plant.add_point(f"p{kind}{interval_s}", kind=kind, expected_interval_s=interval_s)
        rng = np.random.default_rng(7)
        ts = day - HOUR + np.cumsum(rng.choice([1, 1, 1, 2, 5], 1500) * int(interval_s * SECOND))
        ts = ts[ts < day + 27 * HOUR]
        quality = rng.choice([0, 0, 0, 0, 0, 0, 1, 2], len(ts)).astype(np.int16)
        value = np.where(quality == Quality.BAD, np.nan, rng.integers(0, 1000, len(ts)).astype(float))
        for at in range(0, len(ts), 200):
            part = slice(at, at + 200)
            batch = SampleBatch.from_columns(
                np.full(len(ts[part]), point), ts[part], value[part], quality=quality[part]
            )
            ingest.ingest_batch(batch, now_us=int(batch.ts_us[-1]) + SECOND)
            ingest.flush(now_us=int(batch.ts_us[-1]) + SECOND)
        ingest.flush(now_us=day + 3 * DAY)
        for resolution in (Resolution.MINUTE, Resolution.HOUR, Resolution.DAY):
            stored = stored_rollup(point, resolution)
            if resolution is Resolution.MINUTE and interval_s > 20:
                assert stored == []
                continue
            expected = expected_rollup(
                point, resolution, day - 2 * HOUR, day + 30 * HOUR,
                interval_s=interval_s, is_counter=kind == 1, zone="Europe/Berlin",
            )  # fmt: skip
            assert expected
            assert_equal(stored, expected, (kind, interval_s, resolution))


def test_a_read_tells_resolution_and_coverage(plant: Plant) -> None:
    point = plant.add_point("p", expected_interval_s=1.0, unit="kW")
    start = (now_us() - 26 * HOUR) // HOUR * HOUR
    ts = start + np.arange(0, 24 * HOUR, SECOND)
    ts = ts[(ts < start + 6 * HOUR) | (ts >= start + 12 * HOUR)]
    value = np.sin(np.arange(len(ts)) / 500)
    value[4000], value[50000] = 99.0, -99.0
    for at in range(0, len(ts), 20000):
        part = slice(at, at + 20000)
        ingest.ingest_batch(SampleBatch.from_columns(np.full(len(ts[part]), point), ts[part], value[part]))
    ingest.flush()
    with tenant_scope(plant.tenant_id):
        [day] = queries.read_series([point], start, start + 24 * HOUR)
        [hours] = queries.read_series([point], start, start + 24 * HOUR, resolution=Resolution.HOUR)
        [few] = queries.read_series([point], start, start + 20 * MINUTE)
    assert (day.unit, day.resolution, day.is_reduced) == ("kW", Resolution.RAW, True)
    assert len(day.columns["ts_us"]) <= 4000
    assert (np.diff(day.columns["ts_us"]) > 0).all()
    assert (day.columns["value"].max(), day.columns["value"].min()) == (99.0, -99.0)
    assert day.coverage == pytest.approx(0.75, abs=0.001)
    assert hours.coverage == pytest.approx(0.75, abs=0.001)
    # The last value before the gap holds three seconds into it: a bucket that is covered, with nothing measured.
    assert hours.columns["count"].tolist() == [3600] * 6 + [0] + [3600] * 12
    assert hours.columns["covered_s"][6] == pytest.approx(2.0)
    assert (few.is_reduced, len(few.columns["ts_us"]), few.coverage) == (False, 1200, pytest.approx(1.0))
