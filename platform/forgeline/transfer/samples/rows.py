"""A block of a file becomes a batch of samples: which columns are what, which point a word means, what is wrong.

Two shapes: *long* (point, time, value, and quality where it is told), *wide* (time, and a column for each point).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from forgeline.assets.models import Point
from forgeline.assets.models.point import Kind
from forgeline.assets.queries import list_points
from forgeline.base.errors import InvalidInputError
from forgeline.telemetry.sample import Quality, SampleBatch, SampleFlag
from forgeline.transfer.samples.blocks import Block, Source
from forgeline.transfer.samples.parsing import NO_TIME, parse_qualities, parse_times, parse_values
from forgeline.transfer.sheets.places import PlaceBook, join_path

WORDS = {
    "point": {"point", "point_id", "点", "测点"},
    "time": {"time", "timestamp", "ts", "time_utc", "时间"},
    "value": {"value", "值", "数值"},
    "quality": {"quality", "质量"},
}
BROKEN = "transfer.broken_row"
NOT_A_TIME, NOT_A_VALUE, UNKNOWN = "transfer.not_a_time", "transfer.not_a_value", "telemetry.unknown_point"
MOST_UNKNOWN = 100


@dataclass(frozen=True, slots=True)
class Shape:
    """Which column is what; ``points`` are the columns of the wide shape."""

    time: str
    point: str = ""
    value: str = ""
    quality: str = ""
    points: tuple[str, ...] = ()


def find_shape(source: Source) -> Shape:
    """Return the shape of a file by its headings. **Raises** InvalidInputError with the two that there are."""
    found: dict[str, str] = {}
    for name in source.names:
        for role, words in WORDS.items():
            if name.casefold() in words:
                found.setdefault(role, name)
    if "time" in found and "value" in found and "point" in found:
        return Shape(found["time"], found["point"], found["value"], found.get("quality", ""))
    others = tuple(name for name in source.names if name != found.get("time"))
    if "time" in found and others and not {"value", "point"} & set(found):
        return Shape(found["time"], points=others)
    raise InvalidInputError(
        _("The columns must be point, time, value (and quality), or time and one column for each point."),
        key="transfer.unreadable",
    )


class PointBook:
    """Points of the company in force by number, and by path and key: ``Plant 1/Line 1/Press 7/power``."""

    def __init__(self) -> None:
        spellings: dict[int, list[list[str]]] = {}
        for path, asset_id in PlaceBook().spellings():
            spellings.setdefault(asset_id, []).append(list(path))
        self._ids: dict[str, int] = {}
        self.texts: set[int] = set()
        point: Point
        for point in list_points().only("pk", "asset_id", "key", "kind"):
            self._ids[str(point.pk)] = point.pk
            for path in spellings.get(point.asset_id, []):
                self._ids[join_path([*path, point.key])] = point.pk
            if point.kind == Kind.TEXT:
                self.texts.add(point.pk)

    def find(self, word: str) -> int:
        """Return a point's number, 0 for none."""
        return self._ids.get(word.strip(), 0)


@dataclass(slots=True)
class Rows:
    """Samples of a block. ``row`` is the number of each in the file, ``faults`` are (row, reason, word)."""

    batch: SampleBatch
    row: NDArray[np.int64]
    faults: list[tuple[int, str, str]] = field(default_factory=list)
    fault_counts: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    is_naive: bool = False

    def refuse(self, rows: NDArray[np.int64], reason: str, words: Any, most: int) -> None:
        """Count rows that cannot be samples, and keep the first."""
        if len(rows):
            self.fault_counts[reason] = self.fault_counts.get(reason, 0) + len(rows)
            self.faults += [
                (int(row), reason, str(words(at))[:100]) for at, row in enumerate(rows[:most].tolist())
            ]


def make_rows(block: Block, shape: Shape, book: PointBook, zone: str, *, most: int) -> Rows:
    """Return the samples of a block, and what of it is none; at most ``most`` faults of a kind are kept.

    **Gaps** an empty cell of the wide shape is no sample; in the long shape it is null and needs quality bad.
    """
    times = block.columns[shape.time]
    ts, is_naive = parse_times(times, zone)
    number = block.number
    out = Rows(_empty(), number[:0], is_naive=is_naive)
    broken = np.array([row for row, _text in block.broken], np.int64)
    out.refuse(broken, BROKEN, lambda at: block.broken[at][1], most)
    timed = ts != NO_TIME
    # A line with nothing on it is no fault.
    wrong = np.flatnonzero(
        ~timed & ~(_is_blank(times) & _is_blank(block.columns[shape.point or shape.points[0]]))
    )
    out.refuse(number[wrong], NOT_A_TIME, lambda at: times[int(wrong[at])], most)
    if shape.point:
        ids = _ids_of(block.columns[shape.point], book, out)
        known = ids > 0
        points = block.columns[shape.point]
        missing = np.flatnonzero(timed & ~known)
        out.refuse(number[missing], UNKNOWN, lambda at: points[int(missing[at])], most)
        quality = (
            parse_qualities(block.columns[shape.quality]) if shape.quality else np.zeros(len(ts), np.int16)
        )
        _add(
            out,
            [],
            ids,
            ts,
            number,
            block.columns[shape.value],
            quality,
            timed & known,
            book,
            most,
            keep_empty=True,
        )
        return out
    parts: list[tuple[SampleBatch, NDArray[np.int64]]] = []
    for name in shape.points:
        point_id = book.find(name)
        column = block.columns[name]
        if not point_id:
            filled = len(ts) - int(
                pc.sum(pc.equal(pc.fill_null(column.cast(pa.string()), ""), "")).as_py() or 0
            )
            out.unknown[name] = filled
            out.fault_counts[UNKNOWN] = out.fault_counts.get(UNKNOWN, 0) + filled
            if filled:
                out.faults.append((int(number[0]), UNKNOWN, name[:100]))
            continue
        ids = np.full(len(ts), point_id, np.int32)
        _add(
            out,
            parts,
            ids,
            ts,
            number,
            column,
            np.zeros(len(ts), np.int16),
            timed,
            book,
            most,
            keep_empty=False,
        )
    if parts:
        out.batch = SampleBatch.concatenate([batch for batch, _rows in parts])
        out.row = np.concatenate([rows for _batch, rows in parts])
    return out


def _add(
    out: Rows, parts: list[tuple[SampleBatch, NDArray[np.int64]]], ids: NDArray[np.int32], ts: NDArray[np.int64],
    number: NDArray[np.int64], column: Any, quality: NDArray[np.int16], chosen: NDArray[np.bool_], book: PointBook,
    most: int, *, keep_empty: bool,
) -> None:  # fmt: skip
    values, empty, words = parse_values(column)
    is_text = np.isin(ids, list(book.texts)) if book.texts else np.zeros(len(ids), np.bool_)
    wrong = chosen & words & ~is_text
    at_wrong = np.flatnonzero(wrong)
    out.refuse(number[at_wrong], NOT_A_VALUE, lambda at: column[int(at_wrong[at])], most)
    chosen = chosen & ~wrong & (keep_empty | ~empty)
    at = np.flatnonzero(chosen)
    text = None
    if is_text[at].any():
        told = column.take(pa.array(at)).cast(pa.string()).to_pylist()
        text = [word if flag else None for word, flag in zip(told, is_text[at].tolist(), strict=True)]
        values = np.where(is_text, np.nan, values)
    if not keep_empty:
        quality = np.where(empty, np.int16(Quality.BAD), quality)
    batch = SampleBatch.from_columns(
        ids[at],
        ts[at],
        values[at],
        quality=quality[at],
        flags=np.full(len(at), SampleFlag.REPLAYED, np.int16),
        text=text,
    )
    out.batch, out.row = batch, number[at]
    parts.append((batch, number[at]))


def _ids_of(column: Any, book: PointBook, out: Rows) -> NDArray[np.int32]:
    """Return each row's point, 0 for none; a word is looked up once however often it stands there."""
    encoded = pc.fill_null(column.cast(pa.string()), "").dictionary_encode()
    words = encoded.dictionary.to_pylist()
    table = np.array([book.find(word) for word in words] or [0], np.int32)
    places = np.asarray(encoded.indices.to_numpy(zero_copy_only=False))
    if (table[: len(words)] == 0).any():
        counts = np.bincount(places, minlength=len(words))
        for at, word in enumerate(words):
            if word.strip() and not table[at] and len(out.unknown) < MOST_UNKNOWN:
                out.unknown[word[:200]] = int(counts[at])
    return table[places] if len(places) else np.zeros(0, np.int32)


def _is_blank(column: Any) -> NDArray[np.bool_]:
    words = pc.utf8_trim_whitespace(pc.fill_null(column.cast(pa.string()), ""))
    return np.asarray(pc.equal(words, "").to_numpy(zero_copy_only=False), np.bool_)


def _empty() -> SampleBatch:
    return SampleBatch.from_columns([], [], [])
