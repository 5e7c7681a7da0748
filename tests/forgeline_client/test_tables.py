"""Tables in and out, against a running Forgeline."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forgeline_client import ChangedMeanwhileError, Client, InvalidInputError, NotFoundError
from forgeline_client.writing import bodies_of, columns_of

BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


def long_table(points: list[int], size: int) -> pd.DataFrame:
    times = pd.date_range(BEGIN, periods=size, freq="100ms")
    return pd.DataFrame(
        {
            "point_id": np.repeat(points, size),
            "ts": np.tile(times, len(points)),
            "value": np.arange(size * len(points), dtype=float),
        }
    )


def eventually(
    ask: Callable[[], pd.DataFrame], is_so: Callable[[pd.DataFrame], bool], within_s: float = 30.0
) -> pd.DataFrame:
    """Ask until the answer is as it should be: what is computed from samples follows them by seconds."""
    deadline = time.monotonic() + within_s
    while not is_so(answer := ask()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.2)
    return answer


def test_a_large_table_goes_in_by_parts_and_comes_out_as_it_was(client: Client, points: list[int]) -> None:
    table = long_table(points[:3], 5_000)
    written = client.write(table, samples_per_post=4_000)
    assert (written.accepted, written.rejected) == (15_000, 0)
    again = client.write(table)
    assert (again.accepted, again.replaced) == (15_000, 15_000)
    end = BEGIN + timedelta(hours=1)
    read = client.every_sample(points[:3], BEGIN, end)
    pd.testing.assert_frame_equal(
        read[["point_id", "ts", "value"]], table, check_dtype=False, check_index_type=False
    )
    thinned = client.samples(points[:3], BEGIN, end, resolution="raw")
    assert set(thinned["point_id"]) == set(points[:3])
    assert thinned["value"].max() == 14_999
    hour = BEGIN.replace(minute=0, second=0)
    hours = eventually(
        lambda: client.samples(
            points[:1], hour, end + timedelta(hours=1), resolution="1h", columns=["mean", "maximum"]
        ),
        lambda hours: hours["maximum"].max() == 4_999,
    )
    assert "minimum" not in hours
    assert str(hours["ts"].dt.tz) == "UTC"


def test_wide_tables_texts_gaps_and_latest(client: Client, points: list[int]) -> None:
    times = pd.date_range(BEGIN, periods=3, freq="1s", tz="UTC")
    wide = pd.DataFrame({points[0]: [1.5, np.nan, 2.5], str(points[1]): [1, 2, 3]}, index=times)
    assert client.write(wide).accepted == 5
    texts = pd.DataFrame({"point_id": points[3], "ts": times, "value": ["A", "", "C"]})
    assert client.write(texts).accepted == 3
    gap = pd.DataFrame({"point_id": [points[2]], "ts": [int(BEGIN.timestamp() * 1000)], "value": [None]})
    assert client.write(gap).accepted == 1
    read = client.every_sample([points[3], points[2]], BEGIN, BEGIN + timedelta(minutes=1))
    assert read["value"].tolist()[0] == "A"
    assert read["quality"].tolist()[-1] == 2
    shown = client.samples(points, BEGIN, BEGIN + timedelta(minutes=1))
    assert shown[shown["point_id"] == points[3]]["value"].tolist() == ["A", "", "C"]
    latest = eventually(lambda: client.latest(points), lambda latest: len(latest) == 4)
    assert latest.set_index("point_id").loc[points[0], "value"] == 2.5
    assert latest["ts"].iloc[0] == times[2]


def test_what_is_refused_is_told_by_the_tables_rows(client: Client, points: list[int]) -> None:
    table = long_table(points[:1], 4)
    table.loc[2, "point_id"] = 999_999
    written = client.write(table, samples_per_post=2)
    assert (written.accepted, written.rejected) == (3, 1)
    assert written.reasons == [(2, "telemetry.unknown_point")]
    table["point_id"] = 999_999
    assert client.write(table).rejected == 4


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pd.DataFrame({"a": [1]}), "lacks point_id, ts, value"),
        (pd.DataFrame({"a": [1]}, index=pd.date_range(BEGIN, periods=1)), "each point's id"),
        (pd.DataFrame({"point_id": [1], "ts": [datetime(2026, 1, 1)], "value": [1]}), "zone"),  # noqa: DTZ001
        (pd.DataFrame({"point_id": [1, None], "ts": [1, 2], "value": [1, 2]}), "point_id must be .*row 1"),
        (pd.DataFrame({"point_id": [1, 134.5], "ts": [1, 2], "value": [1, 2]}), "point_id must be .*row 1"),
        (
            pd.DataFrame({"point_id": [1], "ts": [1], "value": [1], "quality": [float("nan")]}),
            "quality must be 0, 1",
        ),
        (pd.DataFrame({"point_id": [1, 1], "ts": [None, 2.0], "value": [1, 2]}), "needs its time: row 0"),
    ],
)
def test_a_table_that_is_none_is_explained(table: pd.DataFrame, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        columns_of(table)


def test_columns_are_what_json_knows() -> None:
    table = pd.DataFrame(
        {"point_id": np.array([1, 2], np.int32), "ts": [1.0, 2.5], "value": np.array([1, 2], np.int64)}
    )
    bodies: list[Any] = list(bodies_of(columns_of(table), 1))
    assert bodies == [
        (0, {"point": [1], "ts": [1.0], "value": [1]}), (1, {"point": [2], "ts": [2.5], "value": [2]}),
    ]  # fmt: skip
    assert type(bodies[0][1]["value"][0]) is int


def test_a_bound_takes_the_sample_that_stands_on_it(client: Client, points: list[int]) -> None:
    times = pd.date_range(BEGIN + timedelta(microseconds=501), periods=3, freq="1s")
    client.write(pd.DataFrame({"point_id": points[0], "ts": times, "value": [1.0, 2.0, 3.0]}))
    read = client.every_sample(points[:1], times[0], times[2])
    assert read["ts"].tolist() == times[:2].tolist()
    assert client.samples(points[:1], times[0], times[2], resolution="raw")["value"].tolist() == [1, 2]


def test_rows_are_typed_and_changed_by_their_version(client: Client, points: list[int]) -> None:
    (point,) = client.points(key="batch")
    assert (point["id"], point["kind"]) == (points[3], "text")
    assert [asset["name"] for asset in client.assets(level="work_unit")] == ["Press"]
    changed = client.patch(f"/points/{points[0]}/", {"name": "Power"})
    assert changed["name"] == "Power"
    with pytest.raises(NotFoundError):
        client.get("/points/999999/")
    with pytest.raises(InvalidInputError) as caught:
        client.post("/plants/", {"name": "x", "zone": "Mars/Olympus"})
    assert "zone" in caught.value.fields
    with pytest.raises(ValueError, match="zone"):
        client.samples(points, datetime(2026, 1, 1), BEGIN)  # noqa: DTZ001


def test_a_table_as_a_csv_brings_it_and_one_that_cannot_be_sent() -> None:
    told = columns_of(
        pd.DataFrame(
            {
                "point_id": [1, 1],
                "ts": ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"],
                "value": [1, 2],
            }
        )
    )
    assert told["ts"] == [1_792_888_200_000, 1_792_891_800_000]
    good = {"point_id": [1, 1], "ts": pd.date_range(BEGIN, periods=2), "value": [1.0, 2.0]}
    for wrong, sentence in (
        ({"value": [1.0, float("-inf")]}, "row 1"),
        ({"ts": [BEGIN, pd.NaT]}, "row 1 has none"),
        ({"ts": ["2026-10-25T02:30:00+02:00", "soon"]}, "no times"),
        ({"ts": ["2026-10-25T02:30:00", "2026-10-25T02:31:00"]}, "need their zone"),
    ):
        with pytest.raises(ValueError, match=sentence):
            columns_of(pd.DataFrame({**good, **wrong}))


def test_versions_and_files_by_the_plain_calls(client: Client, points: list[int]) -> None:
    device = client.post("/devices/", {"key": "m-1"})
    address = f"/devices/{device['id']}/"
    with pytest.raises(ChangedMeanwhileError):
        client.delete(address, headers={"If-Match": '"old"'})
    assert client.get(address)["key"] == "m-1"
    upload = client.post("/uploads/", {"name": "d.csv", "size_bytes": 8})
    assert client.put(f"/uploads/{upload['id']}/", b"key\nm-2\n", offset=0)["size_bytes"] == 8
    assert client.get("/imports/devices/template/", **{"as": "csv"}).startswith("\ufeff")
    assert client.get("/imports/devices/template/", **{"as": "xlsx"})[:2] == b"PK"
