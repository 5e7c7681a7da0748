"""Sentences for what the pure rules and the worker tell by keys. Not here: the rules."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from apps.health.models import MaintenancePlan
from apps.health.models.plans import Every, Trigger
from apps.health.rules import MOST_LINES
from forgeline.base.units import display_unit


def line_fault(number: int, key: str) -> str:
    """Say what is wrong with a checklist or a line of it."""
    said = {
        "no_list": _("A checklist is a list of lines."),
        "too_long": _("A checklist has at most %(most)d lines.") % {"most": MOST_LINES},
        "shape": _("a line has text, kind, unit, low, high and opens_follow_up, and nothing else."),
        "text": _("its text has 1 to 300 characters."),
        "kind": _("its kind is check or value."),
        "unit": _("its unit has at most 20 characters."),
        "limits_of_check": _("only a measured value has limits."),
        "limits": _("its lower limit is above the upper one, or beyond what can be measured."),
    }[key]
    return said if number == 0 else _("Line %(number)d: %(fault)s") % {"number": number, "fault": said}


def remark(key: str, data: dict[str, Any]) -> str:
    """Say what a person should look at on a plan; '' for nothing."""
    if key == "counter_reset":
        return _(
            "The counter fell from %(before)s to %(after)s: a new meter, or a reset. What ran before still counts, and "
            "counting goes on from there; confirm it, or set the plan anew."
        ) % {"before": f"{data.get('before', 0):,g}", "after": f"{data.get('after', 0):,g}"}
    if key == "no_data":
        return _("Nothing came from the counter in this turn; look at the machine's connection.")
    return ""


def rhythm(plan: MaintenancePlan) -> str:
    """Say when a plan falls due, in a few words."""
    if plan.trigger == Trigger.CALENDAR:
        return _("every %(n)g %(unit)s") % {"n": plan.every or 0, "unit": Every(plan.every_unit).label}
    if plan.trigger == Trigger.HOURS:
        return _("every %(n)s running hours") % {"n": f"{plan.every:,g}"}
    if plan.trigger == Trigger.COUNT and plan.point is not None:
        return _("every %(n)s %(unit)s of %(point)s") % {
            "n": f"{plan.every:,g}", "unit": display_unit(plan.point.unit), "point": plan.point.title,
        }  # fmt: skip
    if plan.alarm_key:
        return _("on the alarm %(key)s") % {"key": plan.alarm_key}
    if plan.point is None:
        return ""
    words = {"point": plan.point.title, "unit": display_unit(plan.point.unit)}
    if plan.above is not None:
        return _("when %(point)s is above %(limit)s %(unit)s") % {**words, "limit": f"{plan.above:,g}"}
    return _("when %(point)s is below %(limit)s %(unit)s") % {**words, "limit": f"{plan.below or 0:,g}"}
