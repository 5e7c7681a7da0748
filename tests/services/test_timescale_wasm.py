"""The WebAssembly TimescaleDB has a real columnstore: converted, read, upserted, deleted from."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

pytestmark = pytest.mark.columnstore


@pytest.fixture(scope="module")
def store(columnstore_url: str) -> Iterator[psycopg.Connection]:
    """The one connection this server takes, with a table of three days in the columnstore."""
    with psycopg.connect(columnstore_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE sample (point_id int, ts timestamptz NOT NULL, value float8)")
        connection.execute("SELECT create_hypertable('sample', by_range('ts', INTERVAL '1 day'))")
        connection.execute("CREATE UNIQUE INDEX ON sample (point_id, ts)")
        connection.execute(
            "INSERT INTO sample SELECT p, t, p FROM generate_series(1, 5) p,"
            " generate_series(timestamptz '2026-01-01Z', '2026-01-03 23:59Z', INTERVAL '1 minute') t"
        )
        connection.execute(
            "ALTER TABLE sample SET (timescaledb.enable_columnstore,"
            " timescaledb.segmentby = 'point_id', timescaledb.orderby = 'ts')"
        )
        for (chunk,) in connection.execute("SELECT show_chunks('sample')::text").fetchall():
            connection.execute("CALL convert_to_columnstore(%s)", [chunk])
        yield connection


def test_chunks_are_in_the_columnstore_and_read_whole(store: psycopg.Connection) -> None:
    assert store.execute("SHOW timescaledb.license").fetchone() == ("timescale",)
    compressed = "SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed"
    assert store.execute(compressed).fetchone() == (3,)
    assert store.execute("SELECT count(*), sum(value) FROM sample").fetchone() == (21_600, 64_800.0)


def test_a_late_row_is_upserted_and_a_point_deleted(store: psycopg.Connection) -> None:
    store.execute(
        "INSERT INTO sample VALUES (1, '2026-01-02 12:00Z', 99)"
        " ON CONFLICT (point_id, ts) DO UPDATE SET value = excluded.value"
    )
    changed = store.execute(
        "SELECT value FROM sample WHERE point_id = 1 AND ts = '2026-01-02 12:00Z'"
    ).fetchall()
    assert changed == [(99.0,)]
    assert store.execute("DELETE FROM sample WHERE point_id = 5").rowcount == 4_320
    assert store.execute("SELECT count(*) FROM sample").fetchone() == (17_280,)
