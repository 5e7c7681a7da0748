"""Shift and CalendarDay: when the plant works. The arithmetic is in assets/calendar.py."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.assets.calendar import ShiftRule
from forgeline.assets.models.naming import Named
from forgeline.assets.models.place import Site
from forgeline.tenancy.models import TenantModel


class Shift(Named, TenantModel):
    """A shift by local wall-clock time; one that ends before it starts runs into the next day."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="shifts")
    starts_at = models.TimeField(_("starts at"))
    ends_at = models.TimeField(_("ends at"))
    weekdays = ArrayField(models.PositiveSmallIntegerField(), verbose_name=_("weekdays"), default=list)
    """ISO numbers, 1 = Monday."""
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["starts_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def rule(self) -> ShiftRule:
        """As the calendar reckons with it, named in the reader's language."""
        return ShiftRule(
            self.title,
            self.starts_at,
            self.ends_at,
            frozenset(self.weekdays),
            self.valid_from,
            self.valid_until,
        )


class CalendarDay(TenantModel):
    """A day that differs from its weekday: a holiday, a day off, or a make-up working day (common in China)."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="calendar_days")
    on = models.DateField(_("date"))
    is_working = models.BooleanField(_("working day"), default=False)
    name = models.CharField(_("name"), max_length=120, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["site", "on"], name="assets_calendar_day_once")]

    def __str__(self) -> str:
        return f"{self.on} {self.name}"
