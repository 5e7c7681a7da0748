"""A trial from question to answer: its span, whether it fits into a request, and the answer put together.

Not here: one machine (machine), trials that go on behind a request (jobs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from forgeline.alarms.definitions import Silence, dump
from forgeline.alarms.trying import findings, wording
from forgeline.alarms.trying.findings import DAY_US
from forgeline.alarms.trying.machine import MachineTrial, skipped
from forgeline.alarms.trying.subjects import Question, Subject
from forgeline.base.clock import from_us
from forgeline.base.errors import InvalidInputError
from forgeline.telemetry.retention import get_retention

MAX_DAYS = 90
PREVIEW_DAYS = 7
PREVIEW_SAMPLES = 2_000_000
"""About what is judged in three seconds."""
LEAST_LISTED = 10
MOST_WITH_DAYS = 20
"""Beyond so many machines the days are told of all together only."""


@dataclass(frozen=True, slots=True)
class Span:
    """The days asked for, and what of them is kept: ``[from_us, to_us)``."""

    asked_days: int
    from_us: int
    to_us: int

    @property
    def days(self) -> float:
        return (self.to_us - self.from_us) / DAY_US


def choose_span(days: int, now_us: int) -> Span:
    """Return the last days, as far as raw samples go back. **Raises** InvalidInputError outside 1 to 90 days."""
    if not 1 <= days <= MAX_DAYS:
        sentence = _("A rule can be tried over the last 1 to %(most)d days.") % {"most": MAX_DAYS}
        raise InvalidInputError.at("days", sentence)
    kept_us = round(get_retention().raw_days * DAY_US)
    return Span(days, now_us - min(days * DAY_US, kept_us), now_us)


def fits_a_request(question: Question, subjects: Sequence[Subject], span: Span) -> bool:
    """Say whether a person can wait for it: one machine, a week at most, not too many samples."""
    if question.asset_id is None or span.asked_days > PREVIEW_DAYS:
        return False
    expected = 0.0
    for subject in subjects:
        rules = [rule for rule in (subject.new, subject.current) if rule is not None]
        inputs = {each.point_id: each for rule in rules for each in rule.inputs.values()}
        expected += sum(span.days * 86_400 / max(each.interval_s, 0.001) for each in inputs.values())
    return expected <= PREVIEW_SAMPLES


def try_at_once(question: Question, subjects: Sequence[Subject], span: Span) -> dict[str, Any]:
    """Return the answer on one machine. **Raises** InvalidInputError where nothing can be said."""
    [subject] = subjects
    if subject.new is None:
        raise InvalidInputError(subject.reason, key="alarms.invalid_rule")
    trial = MachineTrial(subject, span.from_us, span.to_us)
    while not trial.is_done:
        trial.step()
    return assemble(question, [find(question, subject, trial, most_listed=findings.MOST_LISTED)], span)


def find(question: Question, subject: Subject, trial: MachineTrial, *, most_listed: int) -> dict[str, Any]:
    """Return what was found on a machine. **Raises** InvalidInputError where nothing was stored and only this machine
    was asked for.
    """
    found = trial.result(most_listed=most_listed)
    is_mute = any(not point["coverage"] for point in found["points"])
    if is_mute and not (isinstance(question.definition.condition, Silence) and found["new"]["minutes"]):
        reason = wording.nothing_stored(found["points"])
        if question.asset_id is not None:
            raise InvalidInputError(reason, key="alarms.nothing_stored")
        return skipped(subject, reason)
    return found


def most_listed(machines: int) -> int:
    """Return how many alarms are listed for each of so many machines."""
    return max(findings.MOST_LISTED // max(machines, 1), LEAST_LISTED)


def assemble(question: Question, machines: Sequence[dict[str, Any]], span: Span) -> dict[str, Any]:
    """Return the whole answer as JSON-like data."""
    sentences = wording.list_span_sentences(
        asked_days=span.asked_days, days=span.days, kept_days=get_retention().raw_days
    )
    total = findings.sum_up(machines)
    if len(machines) > MOST_WITH_DAYS:
        machines = [_without_days(machine) for machine in machines]
    if len(machines) > 1:
        sentences += wording.list_total_sentences(
            total, machines, days=span.days, definition=question.definition
        )
    for machine in machines:
        named = len(machines) > 1 and machine["new"] is not None
        sentences += [
            _("%(what)s: %(words)s") % {"what": machine["asset_name"], "words": sentence}
            if named
            else sentence
            for sentence in machine["sentences"]
            if len(machines) == 1 or machine["is_noisy"] or machine["new"] is None
        ]
    return {
        "from": from_us(span.from_us).isoformat().replace("+00:00", "Z"),
        "to": from_us(span.to_us).isoformat().replace("+00:00", "Z"),
        "asked_days": span.asked_days,
        "days": round(span.days, 3),
        "definition": dump(question.definition),
        "is_noisy": any(machine["is_noisy"] for machine in machines),
        "sentences": sentences,
        "total": total,
        "machines": list(machines),
    }


def _without_days(machine: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {**value, "days": []} if name in ("new", "current") and value is not None else value
        for name, value in machine.items()
    }
