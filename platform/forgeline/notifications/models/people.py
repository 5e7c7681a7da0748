"""What a person wishes, and who is on duty when. Not here: how duty is worked out (duty)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.identity.models import User
from forgeline.tenancy.models import TenantModel


class Preference(TenantModel):
    """How one person of one company wants to be told; without a row the defaults hold."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    zone = models.CharField(_("time zone"), max_length=64, blank=True)
    """'' = the plant's."""
    by_email = models.BooleanField(_("by e-mail"), default=True)
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_to = models.TimeField(_("quiet until"), null=True, blank=True)
    quiet_lets_critical = models.BooleanField(_("critical messages come through"), default=True)
    digest_minutes = models.PositiveIntegerField(_("collect low priority"), default=0)
    """0 = each at once."""
    most_in_10_min = models.PositiveIntegerField(_("most messages in ten minutes"), default=15)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="notifications_preference_once")
        ]

    def __str__(self) -> str:
        return f"preferences of {self.user}"


class Pattern(models.TextChoices):
    """How a roster repeats."""

    WEEKLY = "weekly", _("Weekly pattern")
    ROTATION = "rotation", _("People take turns")


class Roster(TenantModel):
    """Who is on duty, by the wall clock of its zone."""

    name = models.CharField(_("name"), max_length=120)
    zone = models.CharField(_("time zone"), max_length=64, default="Asia/Shanghai")
    pattern = models.CharField(_("pattern"), max_length=10, choices=Pattern.choices, default=Pattern.WEEKLY)
    site_id = models.BigIntegerField(_("plant"), null=True, blank=True)
    """Whose shifts and holidays count; no foreign key, because plants lie above this room."""
    turn_days = models.PositiveIntegerField(_("days of a turn"), default=7)
    turns_from = models.DateField(_("first turn begins on"), null=True, blank=True)
    turns_at = models.TimeField(_("turns change at"), default="08:00")

    class Meta(TenantModel.Meta):
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="notifications_roster_once")]

    def __str__(self) -> str:
        return self.name


class Holidays(models.TextChoices):
    """Whether a plant's holidays change an entry."""

    ANY = "any", _("on all days")
    NOT = "not", _("not on holidays")
    ONLY = "only", _("on holidays only")


class RosterEntry(TenantModel):
    """A person's place in a roster: times of a week, or a turn by ``position``."""

    roster = models.ForeignKey(Roster, on_delete=models.CASCADE, related_name="entries")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField(default=0)
    weekdays = models.JSONField(_("weekdays"), default=list, blank=True)
    """ISO numbers, 1 = Monday; of the day on which the time begins."""
    starts_at = models.TimeField(_("from"), default="00:00")
    ends_at = models.TimeField(_("until"), default="00:00")
    """At or before its start: on the next day."""
    shift = models.CharField(_("only in the shift"), max_length=60, blank=True)
    holidays = models.CharField(_("holidays"), max_length=4, choices=Holidays.choices, default=Holidays.ANY)

    class Meta(TenantModel.Meta):
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return f"{self.user} in {self.roster}"


class StandIn(TenantModel):
    """Somebody takes the whole duty of a roster for a time: ``[starts_at, ends_at)``."""

    roster = models.ForeignKey(Roster, on_delete=models.CASCADE, related_name="stand_ins")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))

    class Meta(TenantModel.Meta):
        ordering = ["starts_at"]

    def __str__(self) -> str:
        return f"{self.user} stands in at {self.roster}"
