"""What foresight.js draws: a machine's index, a point's way to its limit with the fan of its interval. No queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from apps.health.models import Condition
from forgeline.assets.models import Point, Site
from forgeline.base.unit_words import display_unit

HOUR_MS = 3_600_000
SPAN_DAYS = 28
"""Of a way that never ends by its slow side, so much of what is ahead is drawn."""


def index_plot(site: Site, hours: Sequence[Condition], from_ms: int, to_ms: int) -> dict[str, Any]:
    """Return the index of some hours, by time; an hour without one is a gap."""
    rows = [(int(row.hour.timestamp() * 1000) + HOUR_MS // 2, row.index) for row in hours]
    return {
        "zone": site.zone, "unit": "", "decimals": 0, "name": _("Health"), "rows": _with_gaps(rows), "min": 0,
        "max": 100, "from": from_ms, "to": to_ms,
    }  # fmt: skip


def trend_plot(site: Site, point: Point, told: dict[str, Any], ts_s: Any, levels: Any) -> dict[str, Any]:
    """Return a point's hours, the line through them and the fan from the last of them to its limit.

    **Shape** ``told`` an answer of ``outlook.lay_trend``; hours by time with their levels. **Gaps** NaN.
    """
    rows = [
        (int(at * 1000), float(level) if np.isfinite(level) else None)
        for at, level in zip(ts_s.tolist(), levels.tolist(), strict=True)
    ]
    at, stands, limit = told["at_s"], told["stands"], told["limit"]
    reach = told["high_s"] or told["expected_s"] + SPAN_DAYS * 86_400
    # The slow side of an interval without an end goes on by the slope at its end.
    slow = min((told["slope_low_per_s"], told["slope_high_per_s"]), key=abs)
    far = limit if told["high_s"] is not None else stands + slow * reach
    stops = sorted({0.0, told["low_s"], told["expected_s"], reach})
    fan = []
    for stop in stops:
        slower = stands + (far - stands) * (stop / reach if reach else 1.0)
        fast = limit if stop >= told["low_s"] else stands + (limit - stands) * stop / told["low_s"]
        fan.append([_ms(at + stop), min(slower, fast), max(slower, fast)])
    begin = stands + told["slope_per_s"] * (told["from_s"] - at)
    line = [[_ms(told["from_s"]), begin], [_ms(at), stands], [_ms(at + told["expected_s"]), limit]]
    return {
        "zone": site.zone, "unit": display_unit(point.unit), "decimals": point.decimals, "name": point.title,
        "rows": _with_gaps(rows), "limit": {"value": limit, "name": limit_name(told)},
        "line": {"name": _("Trend line"), "rows": line}, "fan": {"name": _("90 % interval"), "rows": fan},
        "from": rows[0][0] if rows else _ms(told["from_s"]), "to": _ms(at + reach * 1.04),
    }  # fmt: skip


def life_plot(site: Site, past: Sequence[Sequence[float | None]]) -> dict[str, Any] | None:
    """Return what was foretold of a machine's life as time went by, in days; None while there are fewer than two.

    **Shape** ``past`` rows of seconds since the epoch, expected, low, high. **Gaps** None: no answer.
    """
    told = [(_ms(at or 0), row) for at, *row in past]
    known = [(at, [value / 86_400 for value in row if value is not None]) for at, row in told]
    whole = [(at, row) for at, row in known if len(row) == 3]
    if len(whole) < 2:
        return None
    return {
        "zone": site.zone, "unit": _("days"), "decimals": 1, "name": _("Remaining life"),
        "rows": [[at, row[0] if row else None] for at, row in known],
        "fan": {"name": _("90 % interval"), "rows": [[at, row[1], row[2]] for at, row in whole]},
        "from": whole[0][0], "to": told[-1][0], "min": 0,
    }  # fmt: skip


def limit_name(told: dict[str, Any]) -> str:
    """Say whose limit it is: of an alarm by its level, of the machine's kind in words."""
    return _("Limit of its kind") if told["level"] == "profile" else str(told["level"])


def _ms(at_s: float) -> int:
    return int(at_s * 1000)


def _with_gaps(rows: Iterable[tuple[int, float | None]]) -> list[list[float | None]]:
    """Return the rows, with an empty one wherever an hour is missing, so that a gap is seen as one."""
    told: list[list[float | None]] = []
    for at, value in rows:
        if told and told[-1][0] is not None and at - told[-1][0] > 1.5 * HOUR_MS:
            told.append([told[-1][0] + HOUR_MS, None])
        told.append([at, value])
    return told
