"""Writes of a person about himself: his wishes, and what he has read at the bell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.notifications.editing.saving import assign, invalid, require_zone, save
from forgeline.notifications.models import Preference
from forgeline.notifications.queries import list_bell, read_preference

LIMITS = (1, 200)
MOST_DIGEST_MINUTES = 1440


def update_preference(user_id: int, **given: Any) -> Preference:
    """Change how a person is told. **Raises** InvalidInputError by field."""
    row = read_preference(user_id)
    assign(row, given)
    if row.zone:
        require_zone(row.zone)
    if (row.quiet_from is None) != (row.quiet_to is None):
        raise invalid(quiet_to=_("Quiet hours need both times, or none."))
    if row.quiet_from is not None and row.quiet_from == row.quiet_to:
        raise invalid(quiet_to=_("Quiet hours must end at another time than they begin."))
    if not LIMITS[0] <= row.most_in_10_min <= LIMITS[1]:
        raise invalid(most_in_10_min=_("Choose a number from 1 to 200."))
    if row.digest_minutes > MOST_DIGEST_MINUTES:
        raise invalid(digest_minutes=_("At least once a day."))
    return save(row)


def mark_read(user_id: int, ids: Sequence[int] | None = None) -> int:
    """Mark bells as read, all of them where none is named; returns how many that changed."""
    rows = list_bell(user_id).filter(read_at=None).order_by()
    if ids is not None:
        rows = rows.filter(pk__in=ids)
    return rows.update(read_at=clock.now())
