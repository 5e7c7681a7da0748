"""Tags that say moments on the clock of the company in force. A page asks for the clock once for each tag."""

from __future__ import annotations

from datetime import datetime

from django import template

from forgeline.web import times

register = template.Library()


@register.simple_tag
def moment(at: datetime, shape: str = times.SHAPE) -> str:
    """A moment of the company's: ``{% moment job.due_at %}``."""
    return times.say_moment(at, times.read_company_zone(), shape)


@register.simple_tag
def ending(at: datetime) -> str:
    """When something ends; the midnight that ends a day is told as that day."""
    return times.say_end(at, times.read_company_zone())
