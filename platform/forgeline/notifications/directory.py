"""The people, channels, rosters and plants of the tenant in scope, read once for a piece of work.

Not here: who of them is told (routing).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from forgeline.identity.models import Membership, Role
from forgeline.notifications import providers
from forgeline.notifications.duty import Absence, Duty, Plan, Turns, who_is_on_duty
from forgeline.notifications.models import Channel, Holidays, Pattern, Preference, Roster
from forgeline.notifications.quiet import Wishes
from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.models import Tenant

DEFAULT_ZONE = "UTC"


@dataclass(frozen=True, slots=True)
class Person:
    """A member as messages need him."""

    user_id: int
    name: str
    email: str
    language: str
    is_manager: bool
    by_email: bool
    wishes: Wishes
    most_in_10_min: int


class Directory:
    """Reads lazily and keeps what it has read; make a new one for each piece of work."""

    def __init__(self) -> None:
        self._calendars: dict[tuple[int | None, datetime], tuple[str | None, bool]] = {}

    @cached_property
    def language(self) -> str:
        """The company's language."""
        return Tenant.objects.get(pk=require_tenant_id()).language or "en"

    @cached_property
    def places(self) -> dict[int, providers.Place]:
        return dict(providers.list_places())

    @cached_property
    def zone(self) -> str:
        """The zone of whoever chose none: that of the company's first plant."""
        return self.places[min(self.places)].zone if self.places else DEFAULT_ZONE

    def zone_of(self, site_id: int | None) -> str:
        """Return the zone of a plant, of the first one for a message of none."""
        place = self.places.get(site_id) if site_id is not None else None
        return place.zone if place else self.zone

    @cached_property
    def people(self) -> dict[int, Person]:
        """Active members by user id."""
        wishes = {row.user_id: row for row in Preference.objects.all()}
        rows = (
            Membership.objects.filter(user__is_active=True, deactivated_at=None)
            .select_related("user")
            .order_by("user__name", "pk")
        )
        found = {}
        for row in rows:
            wish = wishes.get(row.user_id) or Preference(user=row.user)
            found[row.user_id] = Person(
                user_id=row.user_id,
                name=str(row.user),
                email=row.user.email,
                language=(row.user.language or self.language).lower(),
                is_manager=row.role in (Role.OWNER, Role.MANAGER),
                by_email=wish.by_email,
                wishes=Wishes(
                    zone=wish.zone or self.zone,
                    quiet_from=wish.quiet_from,
                    quiet_to=wish.quiet_to,
                    lets_critical=wish.quiet_lets_critical,
                    digest_minutes=wish.digest_minutes,
                ),
                most_in_10_min=wish.most_in_10_min,
            )
        return found

    @cached_property
    def channels(self) -> dict[int, Channel]:
        return {row.pk: row for row in Channel.objects.all()}

    @cached_property
    def rosters(self) -> dict[int, tuple[Roster, Plan]]:
        rows = Roster.objects.prefetch_related("entries", "stand_ins")
        return {row.pk: (row, plan_of(row)) for row in rows}

    def on_duty(self, roster_id: int, at: datetime) -> list[int]:
        """Return the users on duty by a roster, by its plant's shift and holidays where it has one."""
        roster, plan = self.rosters[roster_id]
        moment = (roster.site_id, at)
        if moment not in self._calendars:
            self._calendars[moment] = providers.read_calendar(roster.site_id, at)
        shift, is_holiday = self._calendars[moment]
        return who_is_on_duty(plan, at, shift=shift, is_holiday=is_holiday)


_ON_HOLIDAYS = {Holidays.ANY: None, Holidays.NOT: False, Holidays.ONLY: True}


def plan_of(roster: Roster) -> Plan:
    """Return a roster as the pure functions want it."""
    entries = list(roster.entries.all())
    stand_ins = [Absence(row.user_id, row.starts_at, row.ends_at) for row in roster.stand_ins.all()]
    if roster.pattern == Pattern.ROTATION:
        turns = None
        if roster.turns_from is not None:
            people = [row.user_id for row in entries]
            turns = Turns(people, max(roster.turn_days, 1), roster.turns_from, roster.turns_at)
        return Plan(roster.zone, turns=turns, stand_ins=stand_ins)
    duties = [
        Duty(
            row.user_id,
            row.starts_at,
            row.ends_at,
            frozenset(row.weekdays),
            row.shift,
            _ON_HOLIDAYS[Holidays(row.holidays)],
        )
        for row in entries
    ]
    return Plan(roster.zone, duties=duties, stand_ins=stand_ins)
