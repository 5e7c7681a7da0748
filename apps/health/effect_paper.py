"""The effect of monitoring as a PDF that can be shown: numbers with intervals, plots, how it was reckoned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _, pgettext

from apps.health import effect_words as words
from apps.health.effect_plot import lay_plot
from apps.health.queries.effect import MEASURES, Effect, MachineEffect, Measure
from forgeline.base import clock
from forgeline.base.typesetting import set_paper

TEMPLATE = Path(__file__).with_name("effect.typ")
MOST_ROWS = 24
"""Machines in one piece of a plot: it is not torn between pages."""


def print_effect(effect: Effect, *, company: str, place: str, currency: str, zone: ZoneInfo) -> bytes:
    """Return the report in the language in force. **Raises** UnavailableError where the fonts are not there."""
    told = describe(effect, company=company, place=place, currency=currency, zone=zone)
    return set_paper(TEMPLATE, told, no_fonts="health.no_fonts")


def describe(effect: Effect, *, company: str, place: str, currency: str, zone: ZoneInfo) -> dict[str, Any]:
    """Return everything that stands on the report, as words in the language in force."""
    single = effect.machines[0] if len(effect.machines) == 1 else None
    results = effect.totals if single is None else single.results
    return {
        "language": "zh" if (translation.get_language() or "").startswith("zh") else "en",
        "title": _("Effect of condition monitoring"),
        "company": company,
        "place": place,
        "made": _("Made on %(day)s") % {"day": date_format(clock.now().astimezone(zone).date())},
        "lead": _("What can be said") if single is not None else _("All machines together"),
        "says": words.all_sentences(results, currency),
        "heads": [
            _("Machine"), _("Monitored since"), _("Weeks before and since"),
            *(f"{words.title_of(each)} ({words.unit_of(each, currency)})" for each in MEASURES),
        ],
        "rows": [_row(each, zone) for each in effect.machines],
        "plots": [plot for measure in MEASURES for plot in _plots(measure, effect.machines, currency)],
        "before": pgettext("effect", "before"),
        "after": pgettext("effect", "since"),
        "method_title": _("How it was reckoned, and what it does not know"),
        "method": words.method_notes(effect),
        "page": pgettext("effect", "Page"),
    }  # fmt: skip


def _row(each: MachineEffect, zone: ZoneInfo) -> dict[str, Any]:
    began = "–" if each.began_at is None else f"{each.began_at.astimezone(zone):%Y-%m-%d}"
    cells = []
    for measure in MEASURES:
        result = each.results[measure]
        sides = f"{words.number(measure, result.before)} → {words.number(measure, result.after)}"
        change = "" if result.reason else words.change_of(measure, result.change)
        cells.append({"sides": sides, "change": change, "range": words.range_of(measure, result)})
    reason = next((words.why(result) for result in each.results.values() if result.reason), "")
    return {
        "machine": each.asset.title, "place": each.asset.site.title, "began": began,
        "weeks": f"{each.before.weeks} / {each.after.weeks}", "cells": cells, "why": reason,
    }  # fmt: skip


def _plots(measure: Measure, machines: list[MachineEffect], currency: str) -> Iterator[dict[str, Any]]:
    """Yield the plot of a measure, in pieces that fit on a page."""
    plot = lay_plot(measure, machines)
    if plot is None:
        return
    rows = [
        {"machine": each.asset.title, "marks": [asdict(mark) for mark in marks]}
        for each, marks in zip(machines, plot.rows, strict=True)
        if marks
    ]
    title = words.plot_title(measure, currency)
    for first in range(0, len(rows), MOST_ROWS):
        yield {
            "title": title,
            "ticks": plot.ticks,
            "zero": plot.zero,
            "rows": rows[first : first + MOST_ROWS],
        }
