"""Many points in one question get what each gets by itself, with as many statements as one."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings as effort, strategies as st

from forgeline.base.clock import to_us
from forgeline.telemetry import ingest, queries
from forgeline.telemetry.engines import reads
from forgeline.telemetry.engines.base import Resolution
from forgeline.telemetry.sample import PointKind, Quality, SampleBatch
from forgeline.telemetry.series import columns_of_pairs, pair_up
from forgeline.tenancy.scoping import tenant_scope
from tests.telemetry.conftest import Plant

NOW = to_us(datetime(2026, 11, 20, 14, 23, 11, tzinfo=UTC))
S = 1_000_000
HOUR = 3600 * S


@pytest.fixture
def points(plant: Plant) -> list[int]:
    """A fast gauge, a slow one, a counter, a text, a silent one; two days up to now."""
    made = [
        plant.add_point("fast", expected_interval_s=10),
        plant.add_point("slow", expected_interval_s=900),
        plant.add_point("count", kind=PointKind.COUNTER, expected_interval_s=60),
        plant.add_point("word", kind=PointKind.TEXT, expected_interval_s=600),
        plant.add_point("silent", expected_interval_s=60),
    ]
    start = NOW - 48 * HOUR
    for point, step_s, kind in ((made[0], 10, "f"), (made[1], 900, "f"), (made[2], 60, "c")):
        ts = np.arange(start, NOW, step_s * S)
        value = np.sin(np.arange(len(ts)) / 50) * 10 if kind == "f" else np.arange(len(ts)) % 1000
        ingest.ingest_batch(SampleBatch.from_columns([point] * len(ts), ts, value.astype(float)), now_us=NOW)
    ts = np.arange(start, NOW, 600 * S)
    words = np.array([f"order {number}" for number in range(len(ts))], np.object_)
    nothing = np.full(len(ts), np.nan)
    ingest.ingest_batch(SampleBatch.from_columns([made[3]] * len(ts), ts, nothing, text=words), now_us=NOW)
    ingest.flush(now_us=NOW)
    return made


@pytest.mark.parametrize("hours", [0.5, 7, 47])
@pytest.mark.parametrize("resolution", [None, *Resolution])
def test_many_points_get_what_each_gets_alone(
    plant: Plant, points: list[int], resolution: Resolution | None, hours: float
) -> None:
    span = NOW - round(hours * HOUR), NOW
    ask = {"resolution": resolution, "max_pairs": 100, "now_us": NOW}
    with tenant_scope(plant.tenant_id):
        together = queries.read_series(points[::-1], *span, **ask)
        alone = [queries.read_series([point], *span, **ask)[0] for point in points[::-1]]
    assert [each.as_json() for each in together] == [each.as_json() for each in alone]
    assert [each.point_id for each in together] == points[::-1]
    lengths = {each.point_id: len(each.columns["ts_us"]) for each in together}
    # The day in question may not begin within the range.
    assert lengths[points[0]] > 0 or resolution is Resolution.DAY
    assert lengths[points[4]] == 0


@pytest.mark.parametrize("resolution", list(Resolution))
def test_statements_do_not_grow_with_points(plant: Plant, points: list[int], resolution: Resolution) -> None:
    more = [plant.add_point(f"more_{number}", expected_interval_s=10) for number in range(10)]
    ts = np.arange(NOW - HOUR, NOW, 10 * S)
    for point in more:
        ingest.ingest_batch(SampleBatch.from_columns([point] * len(ts), ts, np.ones(len(ts))), now_us=NOW)

    def count(point_ids: list[int]) -> int:
        with tenant_scope(plant.tenant_id), CaptureQueriesContext(connection) as asked:
            queries.read_series(point_ids, NOW - HOUR, NOW, resolution=resolution, max_pairs=100, now_us=NOW)
        return len(asked)

    count(points)  # what the company may use is asked once in a while
    assert count([points[0], *more]) == count([points[0]])


_ROWS = st.lists(
    st.tuples(
        st.integers(0, 5_000),
        st.none() | st.integers(-3, 3).map(float),
        st.sampled_from([Quality.GOOD, Quality.UNCERTAIN]),
    ),
    unique_by=lambda row: row[0],
    max_size=60,
)
_THOROUGHLY = effort(max_examples=80, deadline=None, derandomize=True, database=None)


def test_pairs_made_here_are_those_that_sql_makes(plant: Plant) -> None:
    """Ties, gaps, slices without a value: whoever pairs, the line is the same."""
    point = plant.add_point("p", expected_interval_s=1)
    starts = count(NOW - 10 * HOUR, 10 * S)

    @_THOROUGHLY
    @given(rows=_ROWS, pairs=st.integers(1, 40))
    def compare(rows: list[tuple[int, float | None, Quality]], pairs: int) -> None:
        start = next(starts)
        end = start + 6 * S
        if rows:
            batch = SampleBatch.from_columns(
                [point] * len(rows),
                [start + ms * 1_000 for ms, *_ in rows],
                [np.nan if value is None else value for _, value, _ in rows],
                quality=[Quality.BAD if value is None else quality for _, value, quality in rows],
            )
            assert ingest.ingest_batch(batch, now_us=NOW).accepted == len(rows)
        with tenant_scope(plant.tenant_id):
            by_sql = columns_of_pairs(reads.read_pairs([point], start, end, pairs=pairs).get(point, []))
            columns = reads.read_few_columns([point], start, end, most=60)
            assert columns is not None
            assert not rows or reads.read_few_columns([point], start, end, most=len(rows) - 1) is None
        width_us = reads.slice_width_us(start, end, pairs)
        here = pair_up(*columns[1:], from_us=start, width_us=width_us)
        for name, column in by_sql.items():
            np.testing.assert_array_equal(here[name], column, err_msg=name)

    compare()
