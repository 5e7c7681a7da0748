"""Alarms to other programs: what the journal tells, as events of the webhooks. Not here: people (telling)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forgeline.alarms.definitions import parse
from forgeline.alarms.models import EntryKind, JournalEntry
from forgeline.assets.models import Asset
from forgeline.webhooks.outbox import News, announce, is_anybody_listening

TOLD = frozenset(
    {
        EntryKind.RAISED, EntryKind.CLEARED, EntryKind.ACKNOWLEDGED, EntryKind.SHELVED, EntryKind.UNSHELVED,
        EntryKind.OUT_OF_SERVICE, EntryKind.IN_SERVICE,
    }
)  # fmt: skip


def tell_programs(entries: Sequence[JournalEntry]) -> None:
    """Announce entries of the journal in the transaction that writes them; not those that nobody was told."""
    told = [entry for entry in entries if entry.kind in TOLD and not entry.is_quiet]
    if not told or not is_anybody_listening():
        return
    assets = Asset.objects.in_bulk({entry.alarm.asset_id for entry in told})
    announce(
        News(
            f"alarms.alarm.{entry.kind}",
            f"alarms.alarm:{entry.alarm_id}",
            _data(entry, assets[entry.alarm.asset_id]),
            entry.happened_at,
        )
        for entry in told
    )


def _data(entry: JournalEntry, asset: Asset) -> dict[str, Any]:
    definition = parse(entry.alarm.definition)
    return {
        "alarm": entry.alarm_id, "asset": asset.pk, "machine": asset.name, "key": entry.alarm.key,
        "name": definition.name_in("en"), "priority": definition.priority.value, "value": entry.value,
        "by": entry.person_name, "text": entry.text,
    }  # fmt: skip
