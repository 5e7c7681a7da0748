"""Points as the ingest role reads them: every tenant's, nothing else of the plant. Not here: the cache (points)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from forgeline.telemetry.engines.arrays import Array, register
from forgeline.telemetry.engines.connection import cursor

CHANNEL = "forgeline_points"
"""Notified after each change of points, of a plant's zone or of what a tenant keeps."""

_POINTS = """
SELECT p.id, p.tenant_id, p.asset_id, p.kind, p.valid_min, p.valid_max, p.expected_interval_s,
       p.retired_at IS NOT NULL, s.zone, r.raw_days
FROM assets_point p JOIN assets_asset a ON a.id = p.asset_id JOIN assets_site s ON s.id = a.site_id
LEFT JOIN telemetry_retention r ON r.tenant_id = p.tenant_id
WHERE p.id = ANY (%s)
"""


def read_points(connection: Connection[Any], point_ids: NDArray[np.int32]) -> list[tuple[Any, ...]]:
    """Return (id, tenant, asset, kind, valid_min, valid_max, interval_s, is_retired, zone, raw_days) of those that
    exist; raw_days is None where the tenant keeps samples as long as the service does.
    """
    register(connection)
    return cursor(connection).execute(_POINTS, [Array(point_ids)]).fetchall()
