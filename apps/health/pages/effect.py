"""The effect of monitoring: before and since, with intervals; the same as a paper."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from apps.health import effect_words as words
from apps.health.effect_paper import print_effect
from apps.health.effect_plot import lay_plot
from apps.health.pages.frame import may, page, whole, zone_of
from apps.health.queries.effect import (
    MEASURES,
    SPANS,
    USUAL_SPAN,
    MachineEffect,
    Measure,
    read_effect,
)
from apps.health.queries.register import find_terms, list_machines
from apps.health.rules import MANAGE, VIEW
from forgeline.assets.models import Asset, Site
from forgeline.assets.queries import list_sites
from forgeline.base.errors import UnavailableError
from forgeline.tenancy.models import Tenant
from forgeline.web.access import fault


class _Asked:
    """What the address asks for; what it names and nobody may see counts as not named."""

    def __init__(self, request: HttpRequest) -> None:
        self.machines = list(list_machines())
        self.sites = list(list_sites())
        site_id, asset_id = whole(request.GET.get("plant")), whole(request.GET.get("machine"))
        self.asset: Asset | None = next((each for each in self.machines if each.pk == asset_id), None)
        self.site: Site | None = next((each for each in self.sites if each.pk == site_id), None)
        weeks = whole(request.GET.get("weeks"))
        self.weeks = weeks if weeks in SPANS else USUAL_SPAN
        named = request.GET.get("of")
        self.measure: Measure = next((each for each in MEASURES if each == named), "failures")
        if self.asset is not None:
            self.machines = [self.asset]
        elif self.site is not None:
            self.machines = [each for each in self.machines if each.site_id == self.site.pk]

    @property
    def place(self) -> str:
        if self.asset is not None:
            return self.asset.title
        return _("All plants") if self.site is None else self.site.title


@page(VIEW)
def effect(request: HttpRequest) -> HttpResponse:
    """Sentences, the plot of one measure, machines with their numbers; what to do where nothing can be said."""
    choices = list(list_machines())
    asked = _Asked(request)
    found = read_effect(asked.machines, weeks=asked.weeks)
    currency = find_terms().currency
    results = found.totals if asked.asset is None else found.machines[0].results
    plot = lay_plot(asked.measure, found.machines)
    context = {
        "tab": "effect", "asked": asked, "spans": SPANS, "choices": choices, "effect": found, "currency": currency,
        "query": request.GET.urlencode(), "may_import": may(request, MANAGE),
        "measures": [(each, words.title_of(each), _href(request, each)) for each in MEASURES],
        "says": [_card(measure, results[measure], currency) for measure in MEASURES],
        "in_the_way": words.shared_reason(results),
        "plot": plot, "plot_title": words.plot_title(asked.measure, currency),
        "unit": words.unit_of(asked.measure, currency),
        "rows": [
            _row(asked.measure, each, plot.rows[n] if plot else []) for n, each in enumerate(found.machines)
        ],
        "notes": words.method_notes(found),
    }  # fmt: skip
    return render(request, "health/effect.html", context)


@page(VIEW)
def effect_paper(request: HttpRequest) -> HttpResponse:
    """The report as PDF, of what the page shows."""
    asked = _Asked(request)
    found = read_effect(asked.machines, weeks=asked.weeks)
    zone = zone_of(asked.site or (asked.sites[0] if asked.sites else None))
    company, currency = Tenant.objects.get().name, find_terms().currency
    try:
        content = print_effect(found, company=company, place=asked.place, currency=currency, zone=zone)
    except UnavailableError as error:
        return fault(request, 503, _("The report cannot be printed"), str(error))
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = 'inline; filename="effect.pdf"'
    return response


def _href(request: HttpRequest, measure: Measure) -> str:
    query = request.GET.copy()
    query["of"] = measure
    return f"?{query.urlencode()}"


def _card(measure: Measure, result: Any, currency: str) -> dict[str, Any]:
    return {
        "title": words.title_of(measure), "unit": words.unit_of(measure, currency), "result": result,
        "before": words.number(measure, result.before), "after": words.number(measure, result.after),
        "change": words.change_of(measure, result.change), "range": words.range_of(measure, result),
        "share": words.share_of(measure, result), "says": words.verdict_of(result),
    }  # fmt: skip


def _row(measure: Measure, each: MachineEffect, marks: list[Any]) -> dict[str, Any]:
    result = each.results[measure]
    return {
        "machine": each, "marks": marks, "result": result, "before": words.number(measure, result.before),
        "after": words.number(measure, result.after), "change": words.change_of(measure, result.change),
        "range": words.range_of(measure, result), "says": words.verdict_of(result),
    }  # fmt: skip
