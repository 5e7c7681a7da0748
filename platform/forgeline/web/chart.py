"""What chart.js is given: points, spans of the plant's shifts, and what is drawn into the chart. Not here: samples
(the API)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from forgeline.assets.models import Point, Site
from forgeline.assets.models.point import Kind
from forgeline.assets.queries import read_calendar
from forgeline.base.unit_words import display_unit
from forgeline.pages.templatetags.forgeline import words_of

_RANGES = (
    ("15m", _("15 min")), ("1h", _("1 h")), ("8h", _("8 h")), ("24h", _("24 h")), ("7d", _("7 d")),
    ("30d", _("30 d")), ("1y", _("1 year")),
)  # fmt: skip
_SPANS = (("shift", _("This shift")), ("last_shift", _("Last shift")), ("day", _("Production day")))


def chart_context(
    site: Site,
    points: Sequence[Point],
    shown: Sequence[int],
    now_us: int,
    *,
    span_ms: tuple[int, int] | None = None,
    range_: str = "8h",
    limits: Iterable[dict[str, Any]] = (),
    marks: Iterable[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return the context of ``web/parts/chart.html``.

    ``span_ms``: what is shown first, where the address says nothing; else the last ``range_``. ``limits``: a line each
    (``point``, ``value``, ``name``). ``marks``: a stretch each (``from``, ``to`` or None, ``name``), times in ms.
    """
    spans = _spans(site, now_us)
    return {
        "ranges": [*_RANGES, *((key, word) for key, word in _SPANS if key in spans)],
        "chart": {
            "zone": site.zone,
            "shown": list(shown),
            "spans": spans,
            "span": span_ms,
            "range": range_,
            "points": [_point(point) for point in points if point.kind != Kind.TEXT],
            "limits": list(limits),
            "marks": list(marks),
        },
    }


def _spans(site: Site, now_us: int) -> dict[str, tuple[int, int]]:
    """Return ``[from, to)`` in milliseconds of the plant's shifts and its production day, where shifts are kept."""
    calendar = read_calendar(site)
    if not calendar.shifts:
        return {}
    running, last = calendar.find_shift(now_us), calendar.find_last_shift(now_us)
    spans = {"day": calendar.production_day_span(calendar.production_day_of(now_us))}
    for key, span in (("shift", running), ("last_shift", last)):
        if span is not None:
            spans[key] = (span.from_us, span.to_us)
    return {key: (start // 1000, end // 1000) for key, (start, end) in spans.items()}


def _point(point: Point) -> dict[str, Any]:
    return {
        "id": point.pk,
        "name": point.title,
        "unit": display_unit(point.unit),
        "decimals": point.decimals,
        "kind": Kind(point.kind).name.lower(),
        "labels": words_of(point),
        "interval_s": point.expected_interval_s,
        "valid_min": point.valid_min,
        "valid_max": point.valid_max,
    }
