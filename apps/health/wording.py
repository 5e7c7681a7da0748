"""Sentences for what the pure rules and the worker tell by keys. Not here: the rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _, ngettext

from apps.health.models import Advisory, MaintenancePlan
from apps.health.models.condition import AdvisoryKind
from apps.health.models.plans import Every, Trigger
from apps.health.rules import MOST_LINES
from forgeline.assets.models import Point
from forgeline.base.unit_words import display_unit


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


def rhythm(plan: MaintenancePlan, alarms: Mapping[tuple[int, str], str] | None = None) -> str:
    """Say when a plan falls due, in a few words. ``alarms``: (machine, key) → the name of its alarm rule."""
    if plan.trigger == Trigger.CALENDAR:
        # Half a month is "0.5 months".
        number = 1 if plan.every == 1 else 2
        told = {
            Every.DAY: ngettext("every day", "every %(n)g days", number),
            Every.WEEK: ngettext("every week", "every %(n)g weeks", number),
            Every.MONTH: ngettext("every month", "every %(n)g months", number),
        }
        return told[Every(plan.every_unit)] % {"n": plan.every or 0}
    if plan.trigger == Trigger.HOURS:
        return _("every %(n)s running hours") % {"n": f"{plan.every:,g}"}
    if plan.trigger == Trigger.COUNT and plan.point is not None:
        return _("every %(n)s %(unit)s of %(point)s") % {
            "n": f"{plan.every:,g}", "unit": display_unit(plan.point.unit), "point": plan.point.title,
        }  # fmt: skip
    if plan.alarm_key:
        return _("on the alarm %(key)s") % {
            "key": (alarms or {}).get((plan.asset_id, plan.alarm_key), plan.alarm_key)
        }
    if plan.point is None:
        return ""
    words = {"point": plan.point.title, "unit": display_unit(plan.point.unit)}
    if plan.above is not None:
        return _("when %(point)s is above %(limit)s %(unit)s") % {**words, "limit": f"{plan.above:,g}"}
    return _("when %(point)s is below %(limit)s %(unit)s") % {**words, "limit": f"{plan.below or 0:,g}"}


def advisory_sentence(row: Advisory) -> str:
    """Say what an advisory foretells, with its numbers."""
    if row.kind == AdvisoryKind.TREND:
        return trend(row.data, row.point)
    if row.kind == AdvisoryKind.LIFE:
        return life(row.data)
    words = {"point": row.point.title, "value": quantity(row.data["value"], row.point)}
    if "shares" in row.data:
        return (
            _("The points together are not as they were when it was well; most of it: %(point)s, %(value)s")
            % words
        )
    return _("%(point)s shows what it has hardly ever shown: %(value)s") % words


def quantity(value: float, point: Point) -> str:
    """A value with its unit."""
    return f"{value:,.{point.decimals}f} {display_unit(point.unit)}".strip()


def trend(told: dict[str, Any], point: Point) -> str:
    """Say when a point gets to its limit, or why nobody can say."""
    words = {"point": point.title, "limit": quantity(told["limit"], point)}
    if "reason" in told:
        return _("%(point)s, limit %(limit)s: %(reason)s") % {
            **words,
            "reason": no_answer(told["reason"], told["data"]),
        }
    if not told["expected_s"]:
        return _("%(point)s stands at its limit of %(limit)s") % words
    return _("%(point)s reaches %(limit)s %(when)s") % {**words, "when": when(told)}


def proof(told: dict[str, Any], point: Point) -> str:
    """Say how far a line was off on what it had not seen."""
    words = {name: quantity(told[name], point) for name in ("error", "still")}
    return _("Tried on the last quarter of the time: off by %(error)s; standing still by %(still)s") % words


def life(told: dict[str, Any]) -> str:
    """Say how long a machine lives by its fleet's model, or why nobody can say."""
    if "reason" in told:
        return no_answer(told["reason"], told["data"])
    return _("By the lives of machines of its kind it fails %(when)s") % {"when": when(told)}


def when(told: dict[str, Any]) -> str:
    """Say an interval as people do: in 12–30 days, most likely 18; in hours where it is near."""
    near = (told["high_s"] or told["expected_s"]) < 2 * 86_400
    unit_s = 3600 if near else 86_400
    # A narrow interval keeps a digit more, so that its ends do not read as one number.
    width = ((told["high_s"] or told["expected_s"]) - told["low_s"]) / unit_s
    digits = 0 if width >= 1.5 else 1
    words = {
        name: f"{told[f'{name}_s'] / unit_s:,.{digits}f}"
        for name in ("low", "expected", "high") if told[f"{name}_s"] is not None
    }  # fmt: skip
    if told["high_s"] is None:
        if near:
            return _("in %(low)s hours or later, most likely in %(expected)s") % words
        return _("in %(low)s days or later, most likely in %(expected)s") % words
    if near:
        return _("in %(low)s–%(high)s hours, most likely in %(expected)s") % words
    return _("in %(low)s–%(high)s days, most likely in %(expected)s") % words


def no_answer(reason: str, data: dict[str, float]) -> str:
    """Say why there is no score, with what it would take."""
    shares = ("false_alarms", "allowed", "coverage")
    numbers = {
        key: f"{value:.0%}" if key in shares else f"{value:,.0f}" if abs(value) >= 10 else f"{value:,.2g}"
        for key, value in data.items()
    }
    sentence = {
        "no_points": _("the machine has no measured points."),
        "no_samples": _("nothing came from it in this hour."),
        "not_running": _("it did not run in this hour."),
        "warming_up": _("%(hours)s of %(needed)s running hours are known; it is judged after a day."),
        "too_many_gaps": _("too much of the time is not known."),
        "too_few_samples": _("too few samples: %(samples)s of %(needed)s."),
        "too_few_points": _("too few points: %(points)s of %(needed)s."),
        "too_few_failures": _("%(failures)s of %(needed)s failures."),
        "too_short": _("too short a time is known."),
        "clock_jumps": _("its clock ran backwards."),
        "no_variation": _("nothing varies in it."),
        "no_trend": _("it neither rises nor falls for certain."),
        "trend_away": _("it moves away from the limit."),
        "beyond_horizon": _("too far ahead to say."),
        "unknown_regime": _("it is worked in a way that the model has not seen."),
        "other_points": _("its points are others than those that the model knows."),
        "drifted": _("the model has drifted from what it was trained on."),
        "training_waits": _("its model waits for its training."),
    }.get(reason)
    if reason == "not_predictable":
        if "false_alarms" in data:
            sentence = _(
                "tried on healthy hours that it had not seen, the model called %(false_alarms)s of them."
            )
        elif "rmse" in data:
            sentence = _("tried on later failures, the model was no better than the mean of all lives.")
        else:
            sentence = _("tried on the last quarter of the time, the line was no better than standing still.")
    return reason if sentence is None else sentence % numbers
