"""What a trial found, said in sentences. Not here: the numbers (findings)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _, ngettext

from forgeline.alarms.definitions import Definition, Silence
from forgeline.alarms.trying.findings import MOST_IN_TEN_MINUTES, stands_always
from forgeline.base.errors import InvalidInputError

WELL_COVERED = 0.95


def list_sentences(found: Mapping[str, Any], *, days: float, definition: Definition) -> list[str]:
    """Return what to know of one machine's finding, the gravest first."""
    return [
        *_noise(found, days),
        *_calm(found),
        *_change(found, days),
        *_suppressed(found),
        *_gaps(found, definition),
    ]


def list_span_sentences(*, asked_days: float, days: float, kept_days: float) -> list[str]:
    """Return what to know of the span that was tried."""
    if days >= asked_days - 0.01:
        return []
    return [
        _("Raw samples are kept for %(kept)g days here, so %(days)g of the %(asked)g days were tried.")
        % {"kept": round(kept_days, 1), "days": round(days, 1), "asked": asked_days}
    ]


def list_total_sentences(
    total: Mapping[str, Any], machines: Sequence[Mapping[str, Any]], *, days: float, definition: Definition
) -> list[str]:
    """Return what to know of many machines together."""
    if not total["machines"]:
        return []
    new = total["new"]
    said = _(
        "On %(machines)d machines the rule would have fired %(times)s times in %(days)g days and stood for"
        " %(minutes)s minutes."
    ) % {
        "machines": total["machines"], "times": f"{new['alarms']:,}", "days": round(days, 1),
        "minutes": _long(new["minutes"]),
    }  # fmt: skip
    sentences = [said] if total["current"] is None else [said, _against(total["change"])]
    known = [min(point["coverage"] for point in each["points"]) for each in machines if each["points"]]
    share = sum(known) / len(known)
    if share < WELL_COVERED and not isinstance(definition.condition, Silence):
        sentences.append(
            _("On average %(share)g %% of the span was known; in the gaps the rule was not judged.")
            % {"share": _percent(share)}
        )
    return sentences


def nothing_stored(points: Sequence[Mapping[str, Any]]) -> str:
    """Return the sentence for a span without samples of a point that the rule reads."""
    silent = [point["name"] for point in points if not point["coverage"]]
    return _(
        "Nothing was stored of %(points)s in this span; nothing can be said. Choose a longer span, or come back once"
        " it has told something."
    ) % {"points": ", ".join(silent)}


def nothing_to_try() -> InvalidInputError:
    """Return the error for a profile without machines."""
    return InvalidInputError(
        _(
            "No machine has this profile; there is nothing to try the rule on. Give a machine the profile first."
        ),
        key="alarms.nothing_to_try",
    )


def _noise(found: Mapping[str, Any], days: float) -> list[str]:
    new = found["new"]
    if not found["is_noisy"]:
        return []
    sentences = [
        ngettext(
            "The rule would have fired %(times)s times in the last day.",
            "The rule would have fired %(times)s times in the last %(days)s days.",
            max(1, round(days)),
        )
        % {"times": f"{new['alarms']:,}", "days": max(1, round(days))}
    ]
    if new["busiest_10_minutes"] > MOST_IN_TEN_MINUTES:
        sentences.append(
            _("It would have fired %(times)d times within ten minutes; nobody can answer that.")
            % {"times": new["busiest_10_minutes"]}
        )
    if stands_always(new["minutes"], days):
        sentences.append(
            _("It would have stood nearly all of the time; such an alarm tells nobody anything.")
        )
    if new["chattering_share"] >= 0.5:
        sentences.append(
            _("%(share)d %% of its alarms would have chattered: three or more within a minute.")
            % {"share": round(new["chattering_share"] * 100)}
        )
    return sentences


def _calm(found: Mapping[str, Any]) -> list[str]:
    if not found["is_noisy"]:
        return []
    words = {
        "deadband": _("A deadband of %(size)g would leave %(times)s of them."),
        "on_delay_s": _("An on-delay of %(size)g s would leave %(times)s of them."),
        "after_s": _("Waiting %(size)g s for a value would leave %(times)s of them."),
    }
    sentences = [
        words[row["what"]] % {"size": row["size"], "times": f"{row['alarms']:,}"} for row in found["calmer"]
    ]
    return sentences or [_("Neither a deadband nor a delay would calm it; look at its limit.")]


def _change(found: Mapping[str, Any], days: float) -> list[str]:
    if found["current"] is None:
        new = found["new"]
        if found["is_noisy"]:
            return []
        return [
            _("In %(days)g days the rule would have fired %(times)s times and stood for %(minutes)s minutes.")
            % {"days": round(days, 1), "times": f"{new['alarms']:,}", "minutes": _long(new["minutes"])}
        ]
    return [_against(found["change"])]


def _against(change: Mapping[str, Any]) -> str:
    if not any(change.values()):
        return _("Nothing would have been different from the rule as it stands now.")
    return _(
        "Against the rule as it stands now %(added)s alarms would come and %(removed)s would go;"
        " %(minutes_added)s minutes of alarm would come and %(minutes_removed)s would go."
    ) % {
        "added": f"{change['added']:,}", "removed": f"{change['removed']:,}",
        "minutes_added": _long(change["minutes_added"]), "minutes_removed": _long(change["minutes_removed"]),
    }  # fmt: skip


def _long(minutes: float) -> str:
    """Return minutes as a person says them."""
    return f"{minutes:,.0f}" if minutes >= 100 else f"{minutes:g}"


def _percent(share: float) -> float:
    """Return a share in percent, in two digits that say something."""
    return float(f"{share * 100:.2g}")


def _suppressed(found: Mapping[str, Any]) -> list[str]:
    count = found["new"]["suppressed"]
    if not count:
        return []
    return [
        ngettext(
            "%(count)d alarm would have been suppressed by design; it is not counted.",
            "%(count)d alarms would have been suppressed by design; they are not counted.",
            count,
        )
        % {"count": count}
    ]


def _gaps(found: Mapping[str, Any], definition: Definition) -> list[str]:
    if isinstance(definition.condition, Silence):
        return []
    return [
        _("%(point)s was known for %(share)g %% of the span only; in its gaps the rule was not judged.")
        % {"point": point["name"], "share": _percent(point["coverage"])}
        for point in found["points"]
        if point["coverage"] < WELL_COVERED
    ]
