"""How far hours and days of each zone have been put together. Not here: the putting together (engines/rollups)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from forgeline.base.clock import from_us, to_us
from forgeline.telemetry.engines.base import FAST_INTERVAL_S, Resolution


def list_zones(connection: Connection[Any]) -> list[str]:
    """Return the zones of all plants."""
    return [row[0] for row in connection.execute("SELECT DISTINCT zone FROM assets_site ORDER BY zone")]


def list_points(connection: Connection[Any], zone: str, *, only_fast: bool) -> NDArray[np.int32]:
    """Return the points of a zone's plants; ``only_fast``: those that have minutes."""
    rows = connection.execute(
        "SELECT p.id FROM assets_point p JOIN assets_asset a ON a.id = p.asset_id"
        " JOIN assets_site s ON s.id = a.site_id WHERE s.zone = %s AND p.expected_interval_s <= %s ORDER BY p.id",
        [zone, FAST_INTERVAL_S if only_fast else "infinity"],
    ).fetchall()
    return np.array([row[0] for row in rows], np.int32)


def take(connection: Connection[Any], resolution: Resolution, zone: str, *, fallback_us: int) -> int | None:
    """Lock the zone's mark and return it; None while another process holds it. A new zone begins at ``fallback_us``."""
    connection.execute(
        "INSERT INTO telemetry_composed (resolution, zone, until) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        [resolution.value, zone, from_us(fallback_us)],
    )
    row = connection.execute(
        "SELECT until FROM telemetry_composed WHERE resolution = %s AND zone = %s FOR UPDATE SKIP LOCKED",
        [resolution.value, zone],
    ).fetchone()
    return None if row is None else to_us(row[0])


def keep(connection: Connection[Any], resolution: Resolution, zone: str, until_us: int) -> None:
    """Move the zone's mark forward."""
    connection.execute(
        "UPDATE telemetry_composed SET until = %s WHERE resolution = %s AND zone = %s",
        [from_us(until_us), resolution.value, zone],
    )
