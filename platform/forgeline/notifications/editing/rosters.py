"""Writes of rosters: a roster with its entries and stand-ins is saved as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from forgeline.identity.policy import Actor
from forgeline.notifications.editing.saving import (
    assign,
    delete,
    invalid,
    require_edit,
    require_members,
    require_place,
    require_zone,
    save,
)  # fmt: skip
from forgeline.notifications.models import Pattern, Roster, RosterEntry, StandIn
from forgeline.notifications.providers import list_shift_names
from forgeline.notifications.queries import get_roster

MOST_ENTRIES = 200

Rows = Sequence[Mapping[str, Any]]


def create_roster(
    *, actor: Actor | None = None, entries: Rows = (), stand_ins: Rows = (), **given: Any
) -> Roster:
    """Make a roster. **Raises** InvalidInputError by field; ConflictError where the name is taken."""
    require_edit(actor)
    return _write(Roster(), given, entries, stand_ins)


def update_roster(roster_id: int, *, actor: Actor | None = None, **given: Any) -> Roster:
    """Change a roster; a list of entries or stand-ins that is given takes the place of the old one."""
    require_edit(actor)
    entries, stand_ins = given.pop("entries", None), given.pop("stand_ins", None)
    return _write(get_roster(roster_id), given, entries, stand_ins)


def delete_roster(roster_id: int, *, actor: Actor | None = None) -> None:
    """Delete a roster. **Raises** ConflictError where a route needs it."""
    require_edit(actor)
    delete(get_roster(roster_id))


def _write(row: Roster, given: Mapping[str, Any], entries: Rows | None, stand_ins: Rows | None) -> Roster:
    assign(row, given)
    require_zone(row.zone)
    require_place(row.site_id)
    if row.pattern == Pattern.ROTATION and row.turns_from is None:
        raise invalid(turns_from=_("Say on which day the first turn begins."))
    if row.turn_days < 1:
        raise invalid(turn_days=_("A turn has one day at least."))
    for each in entries or ():
        if row.pattern == Pattern.WEEKLY and not each.get("weekdays"):
            raise invalid(entries=_("Each time of a week needs its weekdays."))
    _check_shifts(row, entries)
    for each in stand_ins or ():
        if each["ends_at"] <= each["starts_at"]:
            raise invalid(stand_ins=_("A stand-in must end after it begins."))
    for name, rows in (("entries", entries), ("stand_ins", stand_ins)):
        if rows is not None and len(rows) > MOST_ENTRIES:
            raise invalid(**{name: _("At most %(most)d are kept.") % {"most": MOST_ENTRIES}})
        require_members([each["user_id"] for each in rows or ()], name)
    with transaction.atomic():
        save(row)
        if entries is not None:
            row.entries.all().delete()
            for position, each in enumerate(entries):
                save(RosterEntry(roster=row, position=position, **each))
        if stand_ins is not None:
            row.stand_ins.all().delete()
            for each in stand_ins:
                save(StandIn(roster=row, **each))
    return get_roster(row.pk)


def _check_shifts(row: Roster, entries: Rows | None) -> None:
    """Pass where each shift that an entry names is one of the plant: else nobody would be on duty, unnoticed."""
    if entries is not None:
        named = {each["shift"] for each in entries if each.get("shift")}
    else:
        named = {each.shift for each in row.entries.all() if each.shift}
    if named and not named <= set(list_shift_names(row.site_id)):
        raise invalid(entries=_("There is no shift of this name at the roster's plant."))
