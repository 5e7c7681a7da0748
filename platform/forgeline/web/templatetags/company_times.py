"""Tags that say moments on the clock of the company in force; a page asks for the clock once."""

from __future__ import annotations

from datetime import datetime

from django import template

from forgeline.web import times

register = template.Library()


@register.simple_tag(takes_context=True)
def moment(context: template.Context, at: datetime, shape: str = times.SHAPE) -> str:
    """A moment of the company's: ``{% moment job.due_at %}``."""
    return times.say_moment(at, _zone(context), shape)


@register.simple_tag(takes_context=True)
def ending(context: template.Context, at: datetime) -> str:
    """When something ends; the midnight that ends a day is told as that day."""
    return times.say_end(at, _zone(context))


def _zone(context: template.Context) -> str:
    request = context["request"]
    if not hasattr(request, "company_zone"):
        request.company_zone = times.read_company_zone()
    zone: str = request.company_zone
    return zone
