"""Words of model cards: what a model is, how its score was made, what it does not know. Not here: the numbers."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _, ngettext

from apps.health.wording import no_answer

TRAINED = ("machine_pattern", "remaining_life")


def model_title(key: str) -> str:
    """Name a model."""
    return {
        "point_anomaly": _("Unusual values of a point"),
        "machine_pattern": _("All points together"),
        "trend_to_limit": _("On the way to a limit"),
        "remaining_life": _("Remaining life by failures of its kind"),
    }[key]


def model_method(key: str) -> str:
    """Say what a model does."""
    return {
        "point_anomaly": _(
            "Each five-minute level is compared with all that the point has shown and with the same time of day; what "
            "is odder than one level in 100,000, holds for ten minutes and was hardly shown in two weeks is told. It "
            "learns with every level and needs no training."
        ),
        "machine_pattern": _(
            "How the machine's points hang together while it is well, in each of its ways of working (T² and Q). "
            "Trained on four weeks of healthy hours."
        ),
        "trend_to_limit": _(
            "A robust line through the hours of four weeks to the point's limit, with the 90 % interval of a block "
            "bootstrap. It is laid anew every hour."
        ),
        "remaining_life": _(
            "Boosted trees on how levels and slopes went before recorded failures of machines of the same kind, with a "
            "90 % interval."
        ),
    }[key]


def model_split(key: str) -> str:
    """Say how the score was kept apart from what was learnt."""
    return {
        "point_anomaly": _("Each hour is judged before it is learnt."),
        "machine_pattern": _("Tried on the last quarter of the healthy hours by a model of those before."),
        "trend_to_limit": _("Tried on the last quarter of the time by a line through the time before."),
        "remaining_life": _("Tried on the last quarter of the failures by a model of those before."),
    }[key]


def model_limits(key: str) -> list[str]:
    """Say what a model does not know."""
    return {
        "point_anomaly": [
            _("A day is the only season: what happens every other week looks odd at first."),
            _("A slow change is learnt as it comes; the ways to the limits see it."),
        ],
        "machine_pattern": [
            _("It has seen no failure: it says that something is different, not what."),
            _("In a way of working that it has not seen it says nothing."),
            _("A fault that was there during its training is learnt as healthy."),
        ],
        "trend_to_limit": [
            _("A wear that begins suddenly or grows faster and faster is met earlier than the line says."),
            _(
                "A repair within the four weeks bends the line; it is told once the hours before it have gone."
            ),
        ],
        "remaining_life": [
            _("A failure of another kind than those recorded is not foreseen."),
            _("It counts hours in which the machine reports, not days of the calendar."),
            _("Beyond twenty days all machines look alike to it."),
        ],
    }[key]


def score_words(key: str) -> str:
    """Name a score."""
    return {
        "false_alarms": _("healthy time called odd"),
        "found": _("found, when one point is moved by four of its spreads"),
        "episodes_month": _("episodes a machine and month"),
        "error_ratio": _("error, as a part of that of standing still (median)"),
        "rmse_h": _("error (root mean square)"),
        "coverage": _("truth within the interval"),
    }.get(key, key)


def score_value(key: str, value: float | None) -> str:
    """A score with its unit."""
    if value is None:
        return "–"
    if key in ("false_alarms", "found", "coverage"):
        return f"{value * 100:.1f} %"
    if key == "rmse_h":
        return _("%(n)s h") % {"n": f"{value:,.0f}"}
    return f"{value:,.2f}"


def drift_word(state: str) -> str:
    """Say how far what a model sees is from what it was trained on."""
    return {
        "stable": _("as in training"), "shifting": _("shifting"), "drifted": _("drifted"),
    }.get(state, _("not enough evidence"))  # fmt: skip


def drift_says(drift: dict[str, Any]) -> str:
    """Say in a sentence what the watch on drift found last, '' before its first look."""
    if not drift:
        return ""
    judged = [each["state"] for each in drift["points"].values() if "state" in each]
    if not judged:
        reasons = [each for each in drift["points"].values() if "reason" in each]
        why = no_answer(reasons[0]["reason"], reasons[0]["data"]) if reasons else ""
        return _("Not enough evidence: %(why)s") % {"why": why}
    count = judged.count("drifted")
    return ngettext(
        "%(n)d of %(all)d feature is far from what it was trained on",
        "%(n)d of %(all)d features are far from what it was trained on", len(judged),
    ) % {"n": count, "all": len(judged)}  # fmt: skip
