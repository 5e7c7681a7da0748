"""Put what was just committed on the live topics: one message a batch and machine, never one a point."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from forgeline.base import clock
from forgeline.realtime.publish import publish_many
from forgeline.telemetry.sample import SampleFlag, StoredBatch

MAX_AGE_US = 120_000_000
"""What is older than this, or replayed, is history: a page reads it from the store."""


def publish_batch(stored: StoredBatch) -> None:
    """Observer of ingest: publish the newest sample of each point of the batch to ``asset.<id>``."""
    publish_many(frames_of(stored, now_us=clock.now_us()))


def frames_of(stored: StoredBatch, *, now_us: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (topic, payload) for each machine of the batch, machines in order of their id.

    **Shape** payload ``{"t": "samples", "at": ms, "p": [[point_id, ts_ms, value | text | None, quality, flags], …]}``.
    **Gaps** a null value travels as None with its quality.
    """
    batch = stored.batch
    fresh = (batch.flags & SampleFlag.REPLAYED == 0) & (batch.ts_us > now_us - MAX_AGE_US)
    rows = np.flatnonzero(fresh)
    if not len(rows):
        return
    # The last row of each point in time, later arrival first among equals; then by machine.
    order = np.lexsort((rows, batch.ts_us[rows], batch.point_id[rows]))
    rows = rows[order]
    points = batch.point_id[rows]
    rows = rows[np.append(points[1:] != points[:-1], True)]
    rows = rows[np.argsort(stored.asset_id[rows], kind="stable")]
    assets = stored.asset_id[rows]
    starts = np.flatnonzero(np.append(True, assets[1:] != assets[:-1]))
    stops = np.append(starts[1:], len(rows))
    point_id, ts_ms = batch.point_id[rows].tolist(), (batch.ts_us[rows] // 1000).tolist()
    value, quality, flags = (
        batch.value[rows].tolist(),
        batch.quality[rows].tolist(),
        batch.flags[rows].tolist(),
    )
    text = None if batch.text is None else batch.text[rows].tolist()
    at = now_us // 1000
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        yield (
            f"asset.{assets[start]}",
            {
                "t": "samples",
                "at": at,
                "p": [
                    [
                        point_id[i],
                        ts_ms[i],
                        _value_of(value[i], None if text is None else text[i]),
                        quality[i],
                        flags[i],
                    ]
                    for i in range(start, stop)
                ],
            },
        )


def _value_of(value: float, text: str | None) -> float | str | None:
    if text is not None:
        return text
    return None if value != value else value
