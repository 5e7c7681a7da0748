"""Live values: after each commit, one message for each machine in the batch. Not here: sockets (realtime)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from forgeline.realtime.publish import publish_many
from forgeline.telemetry.ingest import StoredBatch


def publish_batch(stored: StoredBatch) -> None:
    """Publish the newest value of each point to the topic of its machine.

    **Shape** ``{"t": "samples", "p": [[point_id, ts_ms, value, quality], …]}``; value is null where it is none, and
    the text for a text point.
    """
    at = np.flatnonzero(stored.is_last)
    if not len(at):
        return
    rows = stored.rows
    order = at[np.argsort(stored.asset_id[at], kind="stable")]
    assets = stored.asset_id[order]
    values: list[Any] = rows.value[order].tolist()
    for i in np.flatnonzero(np.isnan(rows.value[order])).tolist():
        values[i] = None if rows.text is None else rows.text[order[i]]
    entries = list(
        map(list, zip(rows.point_id[order].tolist(), (rows.ts_us[order] // 1000).tolist(), values,
                      rows.quality[order].tolist(), strict=True))
    )  # fmt: skip
    cuts = [0, *(np.flatnonzero(np.diff(assets)) + 1).tolist(), len(order)]
    publish_many(
        (f"asset.{int(assets[start])}", {"t": "samples", "p": entries[start:end]})
        for start, end in pairwise(cuts)
    )
