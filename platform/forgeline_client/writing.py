"""Tables to posts of samples. Not here: sending them (client)."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SAMPLES_PER_POST = 20_000
"""Forgeline takes 50,000 and 5 MB at once; a smaller post is less to repeat."""
REASONS_KEPT = 1_000
BAD = 2


@dataclass(slots=True)
class Written:
    """What became of a table. ``reasons`` has (row, key) of the first thousand refused rows, as the table counts."""

    accepted: int = 0
    replaced: int = 0
    rejected: int = 0
    reasons: list[tuple[int, str]] = field(default_factory=list)

    def add(self, answer: Mapping[str, Any], first: int) -> None:
        """Count the answer to a post whose first row is the table's row ``first``."""
        self.accepted += int(answer["accepted"])
        self.replaced += int(answer["replaced"])
        self.rejected += int(answer["rejected"])
        room = REASONS_KEPT - len(self.reasons)
        self.reasons += [(first + int(each["row"]), str(each["reason"])) for each in answer["reasons"][:room]]


def _whole(column: Any, name: str, meaning: str) -> list[int]:
    """Return a column of whole numbers. **Raises** ValueError, which says in which rows there is none."""
    strange = [row for row, cell in enumerate(column) if not _is_whole(cell)]
    if strange:
        raise ValueError(f"{name} must be {meaning}: {_rows(strange)}.")
    return [int(cell) for cell in column]


def _is_whole(cell: Any) -> bool:
    if isinstance(cell, str):
        # The head of a wide table that came from a file.
        return cell.isdecimal()
    return isinstance(cell, numbers.Real) and float(cell).is_integer()


def columns_of(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Return a long or wide table as the columns of a post. **Raises** ValueError, which says what is missing."""
    import pandas as pd

    if isinstance(frame.index, pd.DatetimeIndex) and "ts" not in frame.columns:
        frame = _to_long(frame)
    missing = [name for name in ("point_id", "ts", "value") if name not in frame.columns]
    if missing:
        raise ValueError(
            f"The table lacks {', '.join(missing)}. Give it point_id, ts and value, "
            "or an index of times and a column for each point's id."
        )
    values = frame["value"]
    is_missing = values.isna()
    endless = [row for row, value in enumerate(values) if isinstance(value, float) and math.isinf(value)]
    if endless:
        raise ValueError(f"No value is infinite: {_rows(endless)}. Replace it, or leave the row out.")
    columns: dict[str, list[Any]] = {
        "point": _whole(frame["point_id"], "point_id", "the number of a point"),
        "ts": _milliseconds(frame["ts"]),
        "value": [None if gone else _plain(value) for value, gone in zip(values, is_missing, strict=True)],
    }
    if "quality" in frame.columns:
        columns["quality"] = _whole(frame["quality"], "quality", "0, 1 or 2")
    elif is_missing.any():
        columns["quality"] = [BAD if gone else 0 for gone in is_missing]
    return columns


def bodies_of(columns: Mapping[str, list[Any]], size: int) -> Iterator[tuple[int, dict[str, list[Any]]]]:
    """Yield (row at which it begins, body) of each post."""
    for first in range(0, len(columns["ts"]), size):
        yield first, {name: column[first : first + size] for name, column in columns.items()}


def _to_long(frame: pd.DataFrame) -> pd.DataFrame:
    names = list(frame.columns)
    if not all(str(name).isdecimal() for name in names):
        raise ValueError(
            f"A table with an index of times has a column for each point's id; these are {names}."
        )
    wide = frame.rename_axis("ts").reset_index()
    return wide.melt("ts", var_name="point_id", value_name="value").dropna(subset=["value"])


def _milliseconds(times: pd.Series[Any]) -> list[float | int]:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(times):
        if gone := [row for row, is_gone in enumerate(times.isna()) if is_gone]:
            raise ValueError(f"A sample needs its time: {_rows(gone)} has none.")
        return [each.item() if hasattr(each, "item") else each for each in times]
    stamps = times if pd.api.types.is_datetime64_any_dtype(times) else _read_times(times)
    if gone := [row for row, is_gone in enumerate(stamps.isna()) if is_gone]:
        raise ValueError(f"A sample needs its time: {_rows(gone)} has none.")
    if stamps.dt.tz is None:
        raise ValueError("Times need their zone: frame['ts'] = frame['ts'].dt.tz_localize('Asia/Shanghai').")
    micros = stamps.dt.as_unit("us").astype("int64")
    return [at // 1000 if at % 1000 == 0 else at / 1000 for at in micros.tolist()]


def _read_times(times: pd.Series[Any]) -> pd.Series[Any]:
    """Read times that came as text, as a CSV brings them."""
    import pandas as pd

    try:
        return pd.to_datetime(times)
    except ValueError as error:
        # Offsets that change in the middle, as by a change of the clock: instants all the same.
        if not all(str(each)[-6:-5] in ("+", "-") or str(each).endswith("Z") for each in times.dropna()):
            raise ValueError(f"These are no times: {error}") from None
        return pd.to_datetime(times, utc=True)


def _rows(rows: list[int]) -> str:
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f"row {rows[0]}{more}"


def _plain(value: Any) -> Any:
    """numpy's numbers as Python's, which JSON knows."""
    return value.item() if hasattr(value, "item") else value
