"""A company's samples, roll-ups, latest values and commits are deleted, piece by piece. Not here: who asks."""

from __future__ import annotations

from collections.abc import Iterator

from forgeline.telemetry.engines import upkeep
from forgeline.telemetry.engines.catalogue import current_engine

TABLES = (
    "telemetry_sample", "telemetry_text", "telemetry_rollup_1m", "telemetry_rollup_1h", "telemetry_rollup_1d",
    "telemetry_latest",
)  # fmt: skip
_BUCKETS = frozenset({"telemetry_rollup_1m"})
"""Cut into chunks by the begin of the bucket; the others by the time of the sample."""
POINTS_AT_ONCE = 50
"""Points of one chunk that go in one statement: at a sample a second four million rows, well within what a worker may
take for a step."""

Place = tuple[int, int, int]
"""Number of the table, begin of the chunk in µs, last point: up to there everything is gone."""


def delete_samples(
    tenant_id: int | None, done: Place | None = None
) -> Iterator[tuple[float, str, int, Place]]:
    """Delete; yield how far it is (0 to 1), the table, the rows that went, and the place from which to go on.

    What ``done`` names is not gone through again. The points must be there still, and take nothing any more.
    """
    assert tenant_id is not None
    points = upkeep.list_points_of(tenant_id)
    groups = [points[start : start + POINTS_AT_ONCE] for start in range(0, len(points), POINTS_AT_ONCE)]
    pieces: list[tuple[Place, list[int], tuple[int, int] | None]] = []
    for number, table in enumerate(TABLES):
        chunks = sorted((chunk.from_us, chunk.to_us) for chunk in current_engine().list_chunks(table))
        spans: list[tuple[int, int] | None] = [*chunks] or [None]
        for span in spans:
            pieces += [((number, span[0] if span else 0, group[-1]), group, span) for group in groups]
    for at, (place, group, span) in enumerate(pieces):
        if done is not None and place <= done:
            continue
        table = TABLES[place[0]]
        gone = upkeep.delete_rows_of(table, group, span, column="bucket" if table in _BUCKETS else "ts")
        yield (at + 1) / (len(pieces) + 1), table, gone, place
    last = (len(TABLES), 0, 0)
    if done is None or done < last:
        yield 1.0, "telemetry_commit", upkeep.delete_commits_of(tenant_id), last


def count_samples(tenant_id: int) -> dict[str, int]:
    """Return how many rows each table of the store holds of a company's points, for the proof."""
    return {table: upkeep.count_rows(table, tenant_id) for table in TABLES}
