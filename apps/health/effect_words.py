"""The effect of monitoring in words and numbers, for pages and papers. Not here: what is so (queries/effect)."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _, ngettext

from apps.health.queries.effect import MEASURES, Effect, Measure, Result

_MINUS = "−"


def title_of(measure: Measure) -> str:
    return {
        "failures": _("Failures"),
        "downtime": _("Downtime"),
        "hours": _("Maintenance hours"),
        "cost": _("Cost of maintenance"),
    }[measure]


def unit_of(measure: Measure, currency: str) -> str:
    return {
        "failures": _("in 1,000 running hours"),
        "downtime": _("h a week"),
        "hours": _("h a week"),
        "cost": _("%(currency)s a week") % {"currency": currency},
    }[measure]


def plot_title(measure: Measure, currency: str) -> str:
    """Say what a plot shows."""
    told = {"what": title_of(measure), "unit": unit_of(measure, currency)}
    if measure == "failures":
        return _("%(what)s %(unit)s, before and since, with intervals of 95 %%") % told
    return _("%(what)s: change in %(unit)s, with intervals of 95 %%") % told


def number(measure: Measure, value: float | None) -> str:
    """A value of one side; a dash for what is not known."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if measure == "cost" else f"{value:,.2f}" if value < 10 else f"{value:,.1f}"


def change_of(measure: Measure, value: float | None) -> str:
    """A change with its sign: of failures as a share, of the others in their unit."""
    if value is None:
        return "–"
    text = (
        f"{value * 100:+,.0f} %"
        if measure == "failures"
        else f"{'+' if value > 0 else ''}{_signed(measure, value)}"
    )
    return text.replace("-", _MINUS)


def _signed(measure: Measure, value: float) -> str:
    return f"{_MINUS if value < 0 else ''}{number(measure, abs(value))}"


def range_of(measure: Measure, result: Result) -> str:
    """The interval of a change."""
    if result.low is None:
        return ""
    if result.high is None:
        return _("%(low)s or more") % {"low": change_of(measure, result.low)}
    return _("%(low)s to %(high)s") % {
        "low": change_of(measure, result.low), "high": change_of(measure, result.high),
    }  # fmt: skip


def verdict_of(result: Result) -> str:
    """Say what can be claimed."""
    if result.reason:
        return why(result)
    if result.verdict == "open":
        more = result.weeks_more
        said = _("No change can be told from chance.")
        if more is None:
            return said
        at_this_rate = ngettext(
            "If both rates stay, it could be told in %(n)d week.",
            "If both rates stay, it could be told in %(n)d weeks.",
            more,
        ) % {"n": more}
        return f"{said} {at_this_rate}"
    return _("Less than before, hardly by chance.") if result.verdict == "less" else _(
        "More than before, hardly by chance."
    )  # fmt: skip


def sentence(measure: Measure, result: Result, currency: str) -> str:
    """Say one measure with its interval and what can be claimed."""
    title = title_of(measure)
    if result.reason:
        return _("%(what)s: %(says)s") % {"what": title, "says": why(result)}
    words = {
        "what": title, "before": number(measure, result.before), "after": number(measure, result.after),
        "unit": unit_of(measure, currency), "change": change_of(measure, result.change),
        "range": range_of(measure, result), "says": verdict_of(result),
    }  # fmt: skip
    if result.change is None:
        return _("%(what)s: none before, %(after)s %(unit)s since. %(says)s") % words
    if share := share_of(measure, result):
        words["change"] += f" ({share})"
    return (
        _(
            "%(what)s: %(before)s %(unit)s before, %(after)s since: %(change)s, 95 %% interval %(range)s. %(says)s"
        )
        % words
    )


def all_sentences(results: Mapping[Measure, Result], currency: str) -> list[str]:
    """Say every measure; once where the same is in the way of all."""
    if shared := shared_reason(results):
        return [shared]
    return [sentence(measure, results[measure], currency) for measure in MEASURES]


def shared_reason(results: Mapping[Measure, Result]) -> str:
    """Return what is in the way of every measure, '' where one has an answer or another reason."""
    said = {why(result) if result.reason else "" for result in results.values()}
    return said.pop() if len(said) == 1 else ""


def share_of(measure: Measure, result: Result) -> str:
    """A change as a share of before, '' where it is one already or there was nothing before."""
    if measure == "failures" or result.change is None or not result.before:
        return ""
    return change_of("failures", result.change / result.before)


def why(result: Result) -> str:
    """Say why there is no answer, and how long it takes or what to do."""
    weeks, more = int(result.data.get("weeks", 0)), result.weeks_more
    if result.reason == "short_after":
        said = ngettext(
            "Not enough evidence: monitored for %(n)d whole week so far;",
            "Not enough evidence: monitored for %(n)d whole weeks so far;",
            weeks,
        ) % {"n": weeks}
        return f"{said} {_more(more or 0)}"
    if result.reason == "few_machines":
        said = (
            _(
                "Not enough evidence: all together can be judged with %(needed)d machines that have eight weeks on "
                "both sides; there are %(machines)d."
            )
            % result.data
        )
        return said if more is None else f"{said} {_more(more)}"
    return {
        "not_begun": _("Monitoring has not begun."),
        "short_before": ngettext(
            "Not enough evidence: of the time before, work orders of %(n)d whole week are known, and eight are needed.",
            "Not enough evidence: of the time before, work orders of %(n)d whole weeks are known, and eight are "
            "needed.",
            weeks,
        )
        % {"n": weeks},
        "no_failures": _("Not one, before or since."),
        "no_hours": _("It did not run before or since, so that there is no rate."),
        "no_change": _("The same every week, before and since."),
    }[result.reason]


def _more(weeks: int) -> str:
    return ngettext("%(n)d week more.", "%(n)d weeks more.", weeks) % {"n": weeks}


def method_notes(effect: Effect) -> list[str]:
    """Return how it was reckoned and what it does not know, a sentence each."""
    return [
        _(
            "Before is the time until the first hour of a machine was judged, as far as work orders are known, "
            "imported ones included; since is the time from then on. Whole weeks, at most %(weeks)d on either side."
        )
        % {"weeks": effect.weeks},
        _(
            "A failure is a corrective work order for which the machine stood, for no planned reason. Downtime is all "
            "that it stood for work orders; hours and cost belong to the week in which an order was done."
        ),
        _(
            "Running hours are those of the machine's state where it is known on both sides, else its shifts without "
            "the stops on both sides."
        ),
        _(
            "Intervals of 95 %: failures by the exact test of two Poisson rates, the others by Welch's t of weeks; all "
            "machines together by how differently they changed. Of 20 such intervals one misses the truth by chance, "
            "so that a single line of many proves little."
        ),
        _(
            "Before and after is no experiment: other orders, other people, new tools or a bad year before are in "
            "these numbers too. A figure called maintenance efficiency is not given: no standard says what it is."
        ),
    ]
