"""What a transition makes of an alarm: rows, journal, who is told. ISA-18.2 §8: active or cleared, acknowledged or not.

Called by the judge in the transaction that also moves its position, so that the journal holds each transition once.
Not here: judging (judging/), what people do to alarms (services/answers), how news are delivered (telling).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from forgeline.alarms.definitions import dump
from forgeline.alarms.judging.columns import new_standing
from forgeline.alarms.models import Alarm, EntryKind, JournalEntry
from forgeline.alarms.outside import tell_programs
from forgeline.alarms.plan import RuleInForce
from forgeline.base.clock import from_us

OLD_US = 600_000_000
"""A transition that became known later than this is journalled without calling anyone."""
KEPT = ("is_out", "since_us", "signal", "is_active", "changed_us")
"""What is kept of judging.columns.STANDING, in fields of the same name."""
_WRITTEN = (
    "definition", *KEPT, "raised_at", "cleared_at", "value", "is_acknowledged", "acknowledged_at",
    "acknowledged_by", "is_suppressed",
)  # fmt: skip

Key = tuple[int, str]
"""Machine and rule."""


@dataclass(frozen=True, slots=True)
class News:
    """Something that people are told: an alarm came, or went."""

    alarm: Alarm
    kind: EntryKind


@dataclass(slots=True, eq=False)
class Life:
    """The changes that one round of judging makes to a company's alarms."""

    now_us: int
    news: list[News] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)
    """Alarms that changed, for pages that are open."""

    def apply(
        self,
        rules: Sequence[RuleInForce],
        transitions: NDArray[np.void],
        standing: NDArray[np.void],
        changed: NDArray[np.intp],
        suppressed: Collection[Key],
    ) -> None:
        """Write where the ``changed`` rules stand, and journal their transitions (columns.TRANSITIONS)."""
        if not len(changed):
            return
        chosen = [rules[number] for number in changed.tolist()]
        alarms = read_alarms((rule.asset_id, rule.key) for rule in chosen)
        per_rule: dict[int, list[tuple[int, bool, float]]] = {}
        for number, ts_us, is_active, signal in transitions.tolist():
            per_rule.setdefault(number, []).append((ts_us, is_active, signal))
        entries: list[JournalEntry] = []
        written = []
        for number, rule in zip(changed.tolist(), chosen, strict=True):
            key = rule.asset_id, rule.key
            alarm = alarms.get(key) or Alarm(asset_id=rule.asset_id, key=rule.key)
            _take_standing(alarm, standing[number])
            alarm.definition = dump(rule.definition)
            alarm.is_suppressed = key in suppressed
            entries += self._transit(alarm, per_rule.get(number, []))
            written.append(alarm)
        self._write(written, entries)

    def _transit(self, alarm: Alarm, transitions: list[tuple[int, bool, float]]) -> list[JournalEntry]:
        entries = []
        for at, (ts_us, is_active, signal) in enumerate(transitions):
            # What is old is history, but for the last: that is how things stand.
            is_old = ts_us < self.now_us - OLD_US and not (is_active and at == len(transitions) - 1)
            is_quiet = is_old or alarm.is_silenced
            value = None if np.isnan(signal) else signal
            if is_active:
                alarm.raised_at, alarm.cleared_at, alarm.value = from_us(ts_us), None, value
                if not is_quiet:
                    alarm.is_acknowledged, alarm.acknowledged_at, alarm.acknowledged_by = False, None, None
            else:
                alarm.cleared_at = from_us(ts_us)
            kind = EntryKind.RAISED if is_active else EntryKind.CLEARED
            entries.append(
                JournalEntry(
                    alarm=alarm, kind=kind, happened_at=from_us(ts_us), value=value, is_quiet=is_quiet
                )
            )
            if not is_quiet and at == len(transitions) - 1:
                self.news.append(News(alarm, kind))
        return entries

    def suppress(self, keys: Iterable[Key], *, is_suppressed: bool) -> None:
        """Active alarms whose suppression begins, or ends: then they are told as if they came now."""
        alarms = list(read_alarms(keys).values())
        kind = EntryKind.SUPPRESSED if is_suppressed else EntryKind.UNSUPPRESSED
        entries = []
        for alarm in alarms:
            alarm.is_suppressed = is_suppressed
            is_quiet = is_suppressed or alarm.is_silenced
            if not is_quiet:
                alarm.is_acknowledged, alarm.acknowledged_at, alarm.acknowledged_by = False, None, None
                self.news.append(News(alarm, EntryKind.RAISED))
            elif is_suppressed:
                alarm.is_acknowledged = True
                self.news.append(News(alarm, EntryKind.SUPPRESSED))
            entries.append(
                JournalEntry(alarm=alarm, kind=kind, happened_at=from_us(self.now_us), is_quiet=is_quiet)
            )
        self._write(alarms, entries)

    def unshelve(self) -> None:
        """Take alarms off the shelf whose time is up; those that are active are told as if they came now."""
        alarms = list(
            Alarm.objects.select_for_update(no_key=True).filter(shelved_until__lte=from_us(self.now_us))
        )
        entries = []
        for alarm in alarms:
            alarm.shelved_until, alarm.shelve_reason = None, ""
            if alarm.is_active and not alarm.is_silenced:
                alarm.is_acknowledged = False
                self.news.append(News(alarm, EntryKind.RAISED))
            entries.append(
                JournalEntry(
                    alarm=alarm, kind=EntryKind.UNSHELVED, happened_at=from_us(self.now_us),
                    text=_("The time on the shelf is up."),
                )
            )  # fmt: skip
        Alarm.objects.bulk_update(alarms, ["shelved_until", "shelve_reason", "is_acknowledged"])
        JournalEntry.objects.bulk_create(entries)
        tell_programs(entries)
        self.touched.update(alarm.pk for alarm in alarms)

    def withdraw(self, alarms: Iterable[Alarm]) -> None:
        """Clear alarms whose rule is not judged any more: the journal says so, and nobody goes on waiting."""
        alarms = list(alarms)
        entries = []
        for alarm in alarms:
            alarm.is_active = alarm.is_out = False
            alarm.is_acknowledged = True
            alarm.since_us = alarm.changed_us = self.now_us
            alarm.cleared_at = from_us(self.now_us)
            entries.append(
                JournalEntry(
                    alarm=alarm, kind=EntryKind.CLEARED, happened_at=alarm.cleared_at, is_quiet=True,
                    text=_("The rule is not in force any more."),
                )
            )  # fmt: skip
            self.news.append(News(alarm, EntryKind.CLEARED))
        self._write(alarms, entries)

    def _write(self, alarms: list[Alarm], entries: list[JournalEntry]) -> None:
        if not alarms:
            return
        Alarm.objects.bulk_create(
            alarms, update_conflicts=True, unique_fields=["tenant", "asset", "key"], update_fields=_WRITTEN
        )
        # A transition that an earlier life of this process has journalled stays as it was.
        JournalEntry.objects.bulk_create(entries, ignore_conflicts=True)
        self.touched.update(alarm.pk for alarm in alarms)


def read_alarms(keys: Iterable[Key]) -> dict[Key, Alarm]:
    """Return the alarms of rules that have one, locked until the transaction ends."""
    wanted = set(keys)
    rows = Alarm.objects.select_for_update(no_key=True).filter(
        asset_id__in={asset_id for asset_id, _key in wanted}, key__in={key for _asset_id, key in wanted}
    )
    return {(row.asset_id, row.key): row for row in rows if (row.asset_id, row.key) in wanted}


def to_standing(alarms: Sequence[Alarm | None]) -> NDArray[np.void]:
    """Return where rules stand (columns.STANDING) by their alarms; None: nothing has happened yet."""
    standing = new_standing(len(alarms))
    for number, alarm in enumerate(alarms):
        if alarm is not None:
            for name in KEPT:
                value: Any = getattr(alarm, name)
                standing[name][number] = np.nan if value is None else value
    return standing


def _take_standing(alarm: Alarm, row: np.void) -> None:
    for name in KEPT:
        value = row[name].item()
        setattr(alarm, name, None if value != value else value)
