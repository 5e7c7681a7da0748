"""The words for numbers, targets, reasons and suggestions of an analysis, in the reader's language.

Not here: what is told (kpis, worst), rules in sentences (alarms.wording).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _, gettext_lazy, ngettext

from forgeline.alarms.analysis import kpis, worst
from forgeline.base.unit_words import display_unit

TITLES = {
    "per_hour": gettext_lazy("Alarms per hour"),
    "per_10_minutes": gettext_lazy("Alarms per 10 minutes"),
    "per_day": gettext_lazy("Alarms per day"),
    "peak_10_minutes": gettext_lazy("Most alarms within 10 minutes"),
    "busy_share": gettext_lazy("10-minute periods with more than 10 alarms"),
    "flood_share": gettext_lazy("Time in alarm floods"),
    "top_10_share": gettext_lazy("Share of the ten most frequent alarms"),
    "chattering": gettext_lazy("Chattering alarms"),
    "fleeting": gettext_lazy("Fleeting alarms"),
    "stale": gettext_lazy("Stale alarms on the worst day"),
    "critical_share": gettext_lazy("Share of critical alarms"),
    "high_share": gettext_lazy("Share of high alarms"),
    "medium_share": gettext_lazy("Share of medium alarms"),
    "low_share": gettext_lazy("Share of low alarms"),
    "alarms": gettext_lazy("Alarms told"),
    "quiet": gettext_lazy("Alarms that nobody was told of"),
    "standing_minutes": gettext_lazy("Minutes of alarm"),
    "acknowledged_share": gettext_lazy("Acknowledged"),
    "acknowledge_median_s": gettext_lazy("Time to acknowledge, median"),
    "acknowledge_p90_s": gettext_lazy("Time to acknowledge, nine of ten"),
    "suppressed": gettext_lazy("Suppressed by design"),
    "shelved": gettext_lazy("Shelved"),
    "out_of_service": gettext_lazy("Taken out of service"),
}
WHY = {
    kpis.TOO_SHORT: gettext_lazy("The span is too short for it."),
    kpis.TOO_FEW: gettext_lazy("There were too few alarms for it."),
    kpis.FEW_RULES: gettext_lazy("All alarms came from no more than ten rules; the share says nothing."),
    kpis.NOTHING_YET: gettext_lazy("No alarm has ever come here."),
    kpis.NOBODY: gettext_lazy("Nobody acknowledged one."),
}
NO_SUGGESTION = {
    worst.NOT_IN_FORCE: gettext_lazy("The rule is not in force any more."),
    worst.DISABLED: gettext_lazy("The rule is switched off."),
    worst.CALM_NOW: gettext_lazy("The rule as it stands now would not have told of most of them."),
    worst.TOO_FEW: gettext_lazy("It came too seldom to learn anything from it."),
    worst.NOTHING_HELPS: gettext_lazy("Neither a deadband nor a delay would calm it; look at its limit."),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A number as a person reads it; ``target`` and ``why`` may be empty."""

    key: str
    title: str
    value: str
    target: str
    is_met: bool | None
    why: str


def list_told(numbers: Mapping[str, Mapping[str, Any]]) -> list[Told]:
    """Return the numbers of kpis.compute in words, in their order."""
    return [
        Told(key, str(TITLES[key]), say_value(key, row["value"]), say_target(key, row), row["is_met"],
             str(WHY[row["why"]]) if row["why"] else "")
        for key, row in numbers.items() if key in TITLES
    ]  # fmt: skip


def say_value(key: str, value: float | None) -> str:
    """Return a number with its unit; a dash for none."""
    if value is None:
        return "–"
    if key.endswith("_share"):
        return f"{value * 100:.3g} %"
    if key.endswith("_s"):
        return say_length(value)
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.3g}"


def say_target(key: str, row: Mapping[str, Any]) -> str:
    """Return what the standards ask for; empty where they ask for nothing."""
    if row["target"] is None:
        return ""
    words = {
        "at_most": _("at most %(target)s"),
        "below": _("below %(target)s"),
        "at_least": _("at least %(target)s"),
    }
    said = words[row["relation"]] % {"target": say_value(key, row["target"])}
    if row["manageable"] is None:
        return said
    return _("%(said)s, manageable up to %(manageable)s") % {
        "said": said, "manageable": say_value(key, row["manageable"]),
    }  # fmt: skip


def say_length(seconds: float) -> str:
    """Return a length of time in the unit in which a person would tell it."""
    if seconds < 120:
        return _("%(n)s s") % {"n": _tenths(seconds)}
    if seconds < 7200:
        return _("%(n)s min") % {"n": _tenths(seconds / 60)}
    return _("%(n)s h") % {"n": _tenths(seconds / 3600)}


def _tenths(number: float) -> str:
    """The house's style of a measured time: a digit behind the point at most."""
    return f"{number:,.1f}".removesuffix(".0")


def say_suggestion(actor: Mapping[str, Any]) -> str:
    """Return what would calm a bad actor, what it costs and how that is known; or why nothing is suggested."""
    found = actor["suggestion"]
    if found is None:
        return str(NO_SUGGESTION[actor["why"]])
    words = {
        "deadband": _(
            "A deadband of %(to)s instead of %(from)s would have left %(after)s of %(before)s alarms."
        ),
        "off_delay_s": _(
            "An off-delay of %(to)s instead of %(from)s would have left %(after)s of %(before)s alarms."
        ),
        "on_delay_s": _(
            "An on-delay of %(to)s instead of %(from)s would have left %(after)s of %(before)s alarms."
        ),
        "after_s": _(
            "Waiting %(to)s instead of %(from)s for a value would have left %(after)s of %(before)s alarms."
        ),
    }
    said = words[found["what"]] % {
        "to": _size(found["to"], found), "from": _size(found["from"], found),
        "after": f"{found['after']:,}", "before": f"{found['before']:,}",
    }  # fmt: skip
    return " ".join([said, *_costs(found), _evidence(found)])


def with_sentences(actors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return bad actors with a ``sentence`` each."""
    return [{**actor, "sentence": say_suggestion(actor)} for actor in actors]


def _costs(found: Mapping[str, Any]) -> list[str]:
    costs = []
    if found["lost"]:
        costs.append(
            ngettext(
                "%(lost)d of %(real)d alarms that stood for a minute or longer would not have come.",
                "%(lost)d of %(real)d alarms that stood for a minute or longer would not have come.",
                found["lost"],
            )
            % {"lost": found["lost"], "real": found["real"]}
        )
    elif found["real"]:
        costs.append(_("None that stood for a minute or longer would have been lost."))
    if found["delay_s"]:
        costs.append(_("They would have come %(late)s later.") % {"late": say_length(found["delay_s"])})
    return costs


def _evidence(found: Mapping[str, Any]) -> str:
    if found["evidence"] == "samples":
        return _("Judged by the stored samples.")
    return _(
        "Judged by the journal alone; its samples are gone, tell of another time, or are too many for now."
    )


def _size(size: float, found: Mapping[str, Any]) -> str:
    if found["unit"] == "s" and found["what"] != "deadband":
        return say_length(size)
    unit = display_unit(found["unit"]) if found["unit"] not in ("", "1") else ""
    return f"{size:g} {unit}".rstrip()
