"""Answers to tables. pandas is imported when a table is made, so that whoever needs none needs no pandas."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

VALUES_AT_ONCE = 500
POINTS_AT_ONCE = 20


def in_parts(points: Iterable[int], size: int) -> Iterator[list[int]]:
    """Yield points in lists of at most ``size``."""
    rest = iter(points)
    while part := list(islice(rest, size)):
        yield part


def word_of(points: Sequence[int]) -> str:
    """Return points as the address names them."""
    return ",".join(map(str, points))


def frame_of_values(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return latest values as a table."""
    import pandas as pd

    columns = ["point_id", "ts_ms", "value", "quality", "flags", "status"]
    return _with_times(pd.DataFrame(rows, columns=columns))


def frame_of_series(found: list[dict[str, Any]]) -> pd.DataFrame:
    """Return series as one long table; a column that a series has not is missing in its rows."""
    import pandas as pd

    frames = []
    for series in found:
        size = len(series["ts_ms"])
        # "first" and "last" are columns, "from_ms" is none: a column is a list as long as the times.
        columns = {
            name: values
            for name, values in series.items()
            if isinstance(values, list) and len(values) == size
        }
        if "text" in columns:
            columns["value"] = columns.pop("text")
        frames.append(_with_times(pd.DataFrame({"point_id": series["point_id"], **columns})))
    return join_frames(frames)


def columns_of_csv(point_id: int, text: str) -> pd.DataFrame:
    """Return the samples of one point from the CSV that Forgeline streams."""
    import pandas as pd

    frame = pd.read_csv(
        io.StringIO(text),
        usecols=["time_utc", "value", "quality", "flags"],
        keep_default_na=False,
        dtype={"value": "object"},
    )
    frame["ts"] = pd.to_datetime(frame.pop("time_utc"), utc=True, format="ISO8601")
    frame.insert(0, "point_id", point_id)
    numbers = pd.to_numeric(frame["value"], errors="coerce")
    is_number = bool((numbers.notna() | (frame["value"] == "")).all())
    frame["value"] = numbers if is_number else frame["value"]
    return frame[["point_id", "ts", "value", "quality", "flags"]]


def rows_of(frame: pd.DataFrame) -> list[list[Any]]:
    """Return every sample of a table as the live socket would tell it: ``[point_id, ts_ms, value, quality, flags]``."""
    micros = frame["ts"].dt.as_unit("us").astype("int64").tolist()
    stamps = [at / 1000 if at % 1000 else at // 1000 for at in micros]
    values = [None if value != value or value == "" else value for value in frame["value"].tolist()]
    return [
        list(row)
        for row in zip(
            frame["point_id"].tolist(),
            stamps,
            values,
            frame["quality"].tolist(),
            frame["flags"].tolist(),
            strict=True,
        )
    ]


def join_frames(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return tables one beneath the other; those without a row say nothing of types."""
    import pandas as pd

    filled = [frame for frame in frames if len(frame)]
    if filled:
        return pd.concat(filled, ignore_index=True)
    return (
        frames[0]
        if frames
        else pd.DataFrame({"point_id": [], "ts": pd.to_datetime([], utc=True), "value": []})
    )


def _with_times(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    # Milliseconds with a fraction are microseconds; as nanoseconds in whole numbers nothing is rounded.
    micros = (frame.pop("ts_ms").astype("float64") * 1000).round().astype("int64")
    frame.insert(1, "ts", pd.to_datetime(micros, unit="us", utc=True))
    return frame
