"""When a rule's alarm would have been suppressed by design: the machine's state, other alarms, no shift. As pieces.

Not here: the same for now, for the live judge (alarms/suppression).
"""

from __future__ import annotations

import numpy as np

from forgeline.alarms.definitions import Definition
from forgeline.alarms.models import EntryKind, JournalEntry
from forgeline.alarms.trying.spans import Pieces, no_pieces, subtract, unite
from forgeline.assets.models import Asset
from forgeline.assets.queries import read_calendar
from forgeline.base.clock import from_us, to_us
from forgeline.telemetry.states import list_intervals


def read_mask(definition: Definition, asset: Asset, from_us_: int, to_us_: int) -> Pieces:
    """Return the stretches of ``[from, to)`` in which nobody would have been told; ``asset`` with its site.

    **Time** states and shifts as they are stored now; other alarms as the journal tells them.
    """
    found = no_pieces()
    if definition.quiet_states:
        found = np.concatenate([found, _in_states(definition, asset, from_us_, to_us_)])
    if definition.quiet_under:
        for key in definition.quiet_under:
            found = np.concatenate([found, _under(key, asset, from_us_, to_us_)])
    if definition.only_in_shifts:
        shifts = read_calendar(asset.site).list_shifts(from_us_, to_us_)
        working = unite(_pieces((shift.from_us, shift.to_us) for shift in shifts))
        found = np.concatenate([found, subtract(_pieces([(from_us_, to_us_)]), working)])
    return unite(np.clip(found, from_us_, to_us_))


def _in_states(definition: Definition, asset: Asset, from_us_: int, to_us_: int) -> Pieces:
    rows = list_intervals([asset.pk], from_us_, to_us_).filter(state__in=list(definition.quiet_states))
    return _pieces(
        (to_us(row.started_at), to_us_ if row.ended_at is None else to_us(row.ended_at)) for row in rows
    )


def _under(key: str, asset: Asset, from_us_: int, to_us_: int) -> Pieces:
    """When another alarm of the machine was active, by the journal."""
    entries = JournalEntry.objects.filter(
        alarm__asset_id=asset.pk, alarm__key=key, kind__in=[EntryKind.RAISED, EntryKind.CLEARED]
    )
    before = entries.filter(happened_at__lt=from_us(from_us_)).order_by("-happened_at", "-pk").first()
    since_us = from_us_ if before is not None and before.kind == EntryKind.RAISED else None
    found: list[tuple[int, int]] = []
    rows = entries.filter(happened_at__gte=from_us(from_us_), happened_at__lt=from_us(to_us_))
    for kind, at in rows.order_by("happened_at", "pk").values_list("kind", "happened_at"):
        if kind == EntryKind.RAISED:
            since_us = to_us(at) if since_us is None else since_us
        elif since_us is not None:
            found.append((since_us, to_us(at)))
            since_us = None
    if since_us is not None:
        found.append((since_us, to_us_))
    return _pieces(found)


def _pieces(pairs: object) -> Pieces:
    return np.array(list(pairs), np.int64).reshape(-1, 2)  # type: ignore[call-overload]
