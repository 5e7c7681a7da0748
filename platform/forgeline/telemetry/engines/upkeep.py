"""Statements of maintenance: sizes, deleting by tenant, the commit log. Not here: chunks (engines/catalogue)."""

from __future__ import annotations

from forgeline.base.clock import from_us, to_us
from forgeline.telemetry.engines.catalogue import current_engine
from forgeline.telemetry.engines.connection import lift_tuple_limit, store_connection

_OF_TENANT = "point_id = ANY (ARRAY(SELECT id FROM assets_point WHERE tenant_id = %s))"


def read_store_bytes() -> int:
    """Return the size of the whole database: samples are most of it, and all of it shares the disk."""
    with store_connection() as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])


def list_retentions() -> list[tuple[int, float]]:
    """Return (tenant, days) of the tenants that keep raw samples shorter than the chunks."""
    with store_connection() as connection:
        return connection.execute(
            "SELECT tenant_id, raw_days FROM telemetry_retention ORDER BY tenant_id"
        ).fetchall()


def delete_rows(table: str, tenant_id: int, from_us_: int, to_us_: int) -> int:
    """Delete a tenant's rows of one chunk, by the list of its points."""
    with store_connection() as connection, connection.transaction():
        if current_engine().capabilities.compresses:
            lift_tuple_limit(connection)
        deleted = connection.execute(
            f"DELETE FROM {table} WHERE ts >= %s AND ts < %s"
            " AND point_id = ANY (ARRAY(SELECT id FROM assets_point WHERE tenant_id = %s))",
            [from_us(from_us_), from_us(to_us_), tenant_id],
        )
        return deleted.rowcount


def list_points_of(tenant_id: int) -> list[int]:
    """Return the ids of a tenant's points, in order."""
    with store_connection() as connection:
        rows = connection.execute("SELECT id FROM assets_point WHERE tenant_id = %s ORDER BY id", [tenant_id])
        return [point_id for (point_id,) in rows.fetchall()]


def delete_rows_of(
    table: str, points: list[int], between: tuple[int, int] | None, *, column: str = "ts"
) -> int:
    """Delete what a table holds of some points, in a span of µs of one chunk or, with None, at all times."""
    bounds = "" if between is None else f" AND {column} >= %s AND {column} < %s"
    with store_connection() as connection, connection.transaction():
        if current_engine().capabilities.compresses:
            lift_tuple_limit(connection)
        # A company of years takes longer than a page may.
        connection.execute("SET LOCAL statement_timeout = 0")
        return connection.execute(
            f"DELETE FROM {table} WHERE point_id = ANY (%s){bounds}",
            [points, *map(from_us, between or ())],
        ).rowcount


def count_rows(table: str, tenant_id: int) -> int:
    """Return how many rows a table holds of a tenant's points."""
    with store_connection() as connection:
        row = connection.execute(f"SELECT count(*) FROM {table} WHERE {_OF_TENANT}", [tenant_id]).fetchone()
    assert row is not None
    return int(row[0])


def delete_commits_of(tenant_id: int) -> int:
    """Delete a tenant's part of the commit log, and what is noted of its excess."""
    with store_connection() as connection:
        return connection.execute("DELETE FROM telemetry_commit WHERE tenant_id = %s", [tenant_id]).rowcount


def list_excesses() -> list[tuple[int, int, int, int | None]]:
    """Return (id, tenant, from, to) in µs of the raw samples that are beyond a plan; to is None while it lasts."""
    with store_connection() as connection:
        rows = connection.execute(
            "SELECT id, tenant_id, from_at, to_at FROM telemetry_excess ORDER BY id"
        ).fetchall()
    return [(row[0], row[1], to_us(row[2]), None if row[3] is None else to_us(row[3])) for row in rows]


def move_excess(excess_id: int, from_us_: int) -> None:
    """Note that what is beyond a plan is gone up to an instant; nothing is left of one that has ended there."""
    with store_connection() as connection:
        connection.execute(
            "UPDATE telemetry_excess SET from_at = %s WHERE id = %s", [from_us(from_us_), excess_id]
        )
        connection.execute("DELETE FROM telemetry_excess WHERE id = %s AND to_at <= from_at", [excess_id])


def read_follower_lags() -> dict[str, float]:
    """Return the seconds since each follower of the commit log last moved, longest over its tenants, by its kind."""
    with store_connection() as connection:
        return dict(
            connection.execute(
                "SELECT split_part(name, ':', 1), max(extract(epoch FROM now() - moved_at))::float8"
                " FROM telemetry_follower GROUP BY 1"
            ).fetchall()
        )


def delete_commits(before_us: int) -> int:
    """Delete commits older than an instant."""
    with store_connection() as connection:
        return connection.execute(
            "DELETE FROM telemetry_commit WHERE committed_at < %s", [from_us(before_us)]
        ).rowcount
