"""A company's samples, roll-ups, latest values and commits are deleted, piece by piece. Not here: who asks."""

from __future__ import annotations

from collections.abc import Iterator

from forgeline.telemetry.engines import upkeep
from forgeline.telemetry.engines.catalogue import current_engine

TABLES = (
    "telemetry_sample", "telemetry_text", "telemetry_rollup_1m", "telemetry_rollup_1h", "telemetry_rollup_1d",
    "telemetry_latest",
)  # fmt: skip


def delete_samples(tenant_id: int | None) -> Iterator[tuple[float, str, int]]:
    """Delete; yield how far it is (0 to 1), the table and the rows that went. Once more changes nothing.

    The points must be there still, and take nothing any more.
    """
    assert tenant_id is not None
    pieces: list[tuple[str, int | None, int | None]] = []
    for table in TABLES:
        chunks = current_engine().list_chunks(table)
        pieces += [(table, chunk.from_us, chunk.to_us) for chunk in chunks] or [(table, None, None)]
    for number, (table, from_us, to_us) in enumerate(pieces):
        if from_us is not None and to_us is not None:
            gone = upkeep.delete_rows(table, tenant_id, from_us, to_us)
        else:
            gone = upkeep.delete_all_rows(table, tenant_id)
        yield (number + 1) / (len(pieces) + 1), table, gone
    yield 1.0, "telemetry_commit", upkeep.delete_commits_of(tenant_id)


def count_samples(tenant_id: int) -> dict[str, int]:
    """Return how many rows each table of the store holds of a company's points, for the proof."""
    return {table: upkeep.count_rows(table, tenant_id) for table in TABLES}
