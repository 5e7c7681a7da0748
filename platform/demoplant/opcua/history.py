"""HistoryRead from the signals themselves: what the server showed since it started, at most a day.

Not here: the present (server). Nothing is stored: a signal asked again for a moment answers the same.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import numpy as np
from asyncua import ua
from asyncua.server.history import HistoryStorageInterface

from demoplant.loop import Values
from demoplant.model import PointSpec
from demoplant.signals import Play

TICK_MS = 1000
LONGEST_MS = 24 * 3_600_000
LOOK_BACK_MS = 900_000
"""The longest gap between two recordings is shorter, so that the last usable value stands within."""
_LEAST = ua.get_win_epoch()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def source_time(tick_ms: int) -> ua.DateTime:
    """Return a tick as the server's time; asyncua takes any aware datetime for its own type."""
    return cast(ua.DateTime, EPOCH + timedelta(milliseconds=tick_ms))


def data_value(kind: ua.VariantType, value: float, usable: float, tick_ms: int) -> ua.DataValue:
    """Return what a client sees: the value, or in a gap the last usable one, said to be that."""
    stamp = source_time(tick_ms)
    status = ua.StatusCodes.Good if value == value else ua.StatusCodes.UncertainLastUsableValue
    told = value if value == value else usable
    if told != told:
        variant = ua.Variant(None, ua.VariantType.Null)
        status = ua.StatusCodes.BadNoData
    elif kind is ua.VariantType.Double:
        variant = ua.Variant(told, kind)
    else:
        variant = ua.Variant(bool(told) if kind is ua.VariantType.Boolean else int(told), kind)
    return ua.DataValue(
        variant, ua.StatusCode(ua.UInt32(status)), SourceTimestamp=stamp, ServerTimestamp=stamp
    )


def _unsupported() -> ua.UaError:
    return ua.uaerrors.BadHistoryOperationUnsupported()  # type: ignore[no-untyped-call]  # asyncua has none here


class SignalHistory(HistoryStorageInterface):
    """Answers raw reads from the points' signals; ``now_ms`` is the last tick that the server has shown."""

    def __init__(
        self,
        points: dict[ua.NodeId, tuple[PointSpec, ua.VariantType]],
        play: Play,
        now_ms: Callable[[], int],
    ) -> None:
        super().__init__(max_history_data_response_size=10_000)
        self._points = points
        self._play = play
        self._now_ms = now_ms

    async def init(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def new_historized_node(self, node_id: ua.NodeId, period: timedelta | None, count: int = 0) -> None:
        raise _unsupported()

    async def save_node_value(self, node_id: ua.NodeId, datavalue: ua.DataValue) -> None:
        raise _unsupported()

    async def read_node_history(
        self, node_id: ua.NodeId, start: datetime | None, end: datetime | None, nb_values: int
    ) -> tuple[list[ua.DataValue], datetime | None]:
        """Return the changes between both times (inclusive), newest first where ``start`` is the later one."""
        served = self._points.get(node_id)
        now = self._now_ms()
        if served is None or now == 0:
            return [], None
        first = max(self._play.started_ms, now - LONGEST_MS)
        low = _to_ms(start) if start is not None and start > _LEAST else None
        high = _to_ms(end) if end is not None and end > _LEAST else None
        backwards = low is None or (high is not None and low > high)
        if low is not None and high is not None and low > high:
            low, high = high, low
        low = first if low is None else max(first, low)
        high = now if high is None else min(now, high)
        found = self._changes(*served, low, high)
        if backwards:
            found.reverse()
        if nb_values:
            found = found[:nb_values]
        limit = self.max_history_data_response_size
        rest = found[limit].SourceTimestamp if len(found) > limit else None
        return found[:limit], rest

    def _changes(
        self, point: PointSpec, kind: ua.VariantType, low_ms: int, high_ms: int
    ) -> list[ua.DataValue]:
        low_ms = -(-low_ms // TICK_MS) * TICK_MS
        if high_ms < low_ms:
            return []
        # The ticks before tell the last usable value, and whether the first one is a change.
        ticks = np.arange(low_ms - LOOK_BACK_MS, high_ms + 1, TICK_MS, dtype=np.int64)
        values = point.values(ticks, self._play)
        usable = last_usable(values)
        changed = np.append(True, ~same(values[1:], values[:-1])) | (ticks == self._play.started_ms)
        keep = np.flatnonzero(changed & (ticks >= low_ms))
        return [data_value(kind, float(values[k]), float(usable[k]), int(ticks[k])) for k in keep.tolist()]

    async def new_historized_event(self, *_args: Any, **_options: Any) -> None:
        raise _unsupported()

    async def save_event(self, event: Any) -> None:
        raise _unsupported()

    async def read_event_history(self, *_args: Any) -> tuple[list[Any], datetime | None]:
        return [], None


def same(left: Values, right: Values) -> np.ndarray:
    """Return where both are equal; a gap equals a gap."""
    return (left == right) | (np.isnan(left) & np.isnan(right))


def last_usable(values: Values) -> Values:
    """Return each value, or the last one before it that is none of the gaps (NaN where there was none)."""
    place = np.where(np.isnan(values), 0, np.arange(len(values)))
    return values[np.maximum.accumulate(place)]


def _to_ms(stamp: datetime) -> int:
    aware = stamp if stamp.tzinfo is not None else stamp.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(milliseconds=1)
