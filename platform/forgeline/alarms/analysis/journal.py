"""The journal and its alarms as columns: one query each, whatever the number of plants and alarms.

Not here: what is made of them (calls, rates, nuisance, kpis), the journal as a list for people (alarms.queries).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import OuterRef, Subquery
from numpy.typing import NDArray

from forgeline.alarms.analysis.calls import ENTRIES, Kind
from forgeline.alarms.definitions import Priority
from forgeline.alarms.models import Alarm, EntryKind, JournalEntry
from forgeline.base.clock import from_us
from forgeline.tenancy.context import require_tenant_id

MOST_ENTRIES = 1_000_000
"""At most so many lines are read at once: 60 MB. What is beyond is said, not passed over."""
_AT_ONCE = 50_000

_READ = """
WITH chosen AS (
    SELECT a.id FROM alarms_alarm a JOIN assets_asset m ON m.id = a.asset_id WHERE m.site_id = ANY(%(sites)s)
), stood AS (
    SELECT c.id, last.happened_at FROM chosen c, LATERAL (
        SELECT e.kind, e.happened_at FROM alarms_journalentry e
        WHERE e.alarm_id = c.id AND e.kind IN ('raised', 'cleared') AND e.happened_at < %(from)s
        ORDER BY e.happened_at DESC, e.id DESC LIMIT 1
    ) last WHERE last.kind = 'raised'
), found AS (
    SELECT e.alarm_id, e.happened_at, e.kind, e.is_quiet, e.id FROM stood s
    JOIN alarms_journalentry e ON e.alarm_id = s.id
        AND e.happened_at >= s.happened_at AND e.happened_at < %(from)s
    UNION ALL
    SELECT e.alarm_id, e.happened_at, e.kind, e.is_quiet, e.id FROM alarms_journalentry e
    WHERE e.tenant_id = %(tenant)s AND e.happened_at >= %(from)s AND e.happened_at < %(to)s
        AND e.alarm_id IN (SELECT id FROM chosen)
)
SELECT alarm_id, (extract(epoch FROM happened_at) * 1000000)::bigint,
    array_position(%(kinds)s::varchar[], kind) - 1, is_quiet::int
FROM found WHERE kind = ANY(%(kinds)s) ORDER BY happened_at, id LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True, eq=False)
class Journal:
    """What happened up to ``until_us``: the end that was asked for, or earlier where there was too much to read."""

    entries: NDArray[np.void]
    until_us: int
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Who:
    """An alarm as reports name it, and how it stands now."""

    alarm_id: int
    site_id: int
    asset_id: int
    asset_name: str
    asset_names: dict[str, str]
    key: str
    name: dict[str, str]
    priority: str
    is_active: bool
    is_acknowledged: bool
    is_silenced: bool
    raised_at: datetime | None
    first_at: datetime | None
    """When people were first told of it."""

    def as_json(self) -> dict[str, Any]:
        """Return what names it, in every language that people gave it."""
        return {
            "alarm": self.alarm_id, "asset": self.asset_id, "asset_name": self.asset_name,
            "asset_names": self.asset_names, "key": self.key, "name": self.name, "priority": self.priority,
        }  # fmt: skip


def read_journal(site_ids: Sequence[int], from_us_: int, to_us: int) -> Journal:
    """Return the entries of ``[from, to)`` of some plants (calls.ENTRIES), and those from before that alarms rest on
    which stood at ``from``: from their last raise on.
    """
    kinds = [kind.name.lower() for kind in Kind]
    asked: dict[str, Any] = {
        "sites": list(site_ids), "tenant": require_tenant_id(), "from": from_us(from_us_), "to": from_us(to_us),
        "kinds": kinds, "most": MOST_ENTRIES + 1,
    }  # fmt: skip
    pieces = []
    with connection.cursor() as cursor:
        cursor.execute(_READ, asked)
        while rows := cursor.fetchmany(_AT_ONCE):
            pieces.append(np.array(rows, ENTRIES))
    entries = np.concatenate(pieces) if pieces else np.zeros(0, ENTRIES)
    is_cut = len(entries) > MOST_ENTRIES
    if is_cut:
        to_us = int(entries["at_us"][-1])
        entries = entries[entries["at_us"] < to_us]
    return Journal(entries, to_us, is_cut)


def read_alarms(site_ids: Sequence[int]) -> dict[int, Who]:
    """Return every alarm of some plants that has ever come, by id."""
    told = JournalEntry.objects.filter(alarm=OuterRef("pk"), kind=EntryKind.RAISED, is_quiet=False)
    every = Alarm.objects.filter(asset__site_id__in=list(site_ids), raised_at__isnull=False)
    rows = every.annotate(first_at=Subquery(told.order_by("happened_at").values("happened_at")[:1])).values_list(
        "pk", "asset__site_id", "asset_id", "asset__name", "asset__names", "key", "definition__name",
        "definition__priority", "is_active", "is_acknowledged", "is_suppressed", "shelved_until",
        "out_of_service_at", "raised_at", "first_at",
    )  # fmt: skip
    return {
        pk: Who(
            pk, site_id, asset_id, asset_name, asset_names, key, name or {}, priority or Priority.MEDIUM.value,
            is_active, is_acknowledged,
            is_suppressed or shelved_until is not None or out_of_service_at is not None, raised_at, first_at,
        )
        for pk, site_id, asset_id, asset_name, asset_names, key, name, priority, is_active, is_acknowledged,
        is_suppressed, shelved_until, out_of_service_at, raised_at, first_at in rows
    }  # fmt: skip
