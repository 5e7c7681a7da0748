"""MaintenancePlan: what is to be done again and again, and by what it falls due. Not here: the arithmetic (calc)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.health.models.orders import OrderPriority
from forgeline.assets.models import Asset, Point
from forgeline.assets.models.naming import Named
from forgeline.tenancy.models import TenantModel


class Trigger(models.TextChoices):
    CALENDAR = "calendar", _("By the calendar")
    HOURS = "hours", _("By running hours")
    COUNT = "count", _("By a counter")
    CONDITION = "condition", _("By condition")


class Every(models.TextChoices):
    DAY = "day", _("days")
    WEEK = "week", _("weeks")
    MONTH = "month", _("months")


class MaintenancePlan(Named, TenantModel):
    """Work on one machine that falls due by the calendar, by use or by condition; each due makes one order."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    text = models.TextField(_("details"), max_length=4000, blank=True)
    trigger = models.CharField(_("falls due"), max_length=9, choices=Trigger.choices)
    every = models.FloatField(_("every"), null=True, blank=True)
    """Days, weeks or months; running hours; units of the counter."""
    every_unit = models.CharField(max_length=5, choices=Every.choices, blank=True)
    first_on = models.DateField(_("first on"), null=True, blank=True)
    point = models.ForeignKey(Point, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    """The counter; the measured value for a condition; none: the machine's own running time."""
    alarm_key = models.CharField(_("alarm"), max_length=60, blank=True)
    above = models.FloatField(_("above"), null=True, blank=True)
    below = models.FloatField(_("below"), null=True, blank=True)
    lead_days = models.PositiveSmallIntegerField(_("order made days ahead"), default=3)
    priority = models.CharField(
        _("priority"), max_length=8, choices=OrderPriority.choices, default=OrderPriority.MEDIUM
    )
    checklist = models.JSONField(_("checklist"), default=list, blank=True)
    """Lines as rules.Line reads them."""
    is_enabled = models.BooleanField(_("in use"), default=True)
    turn = models.BigIntegerField(default=0)
    """How many dues have made their order."""
    since = models.DateTimeField()
    """From when the present turn counts: last done, or made."""
    due_on = models.DateField(null=True)
    """When it falls due, by the calendar or as the recent use foretells."""
    used = models.FloatField(null=True)
    """Hours or units of the present turn."""
    rate = models.FloatField(null=True)
    """Hours or units a day, lately."""
    last_reading = models.FloatField(null=True)
    remark = models.CharField(max_length=40, blank=True)
    """Key of what a person should look at: counter_reset, no_data."""
    remark_data = models.JSONField(default=dict, blank=True)
    looked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("maintenance plan")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "asset", "name"], name="health_plan_once"),
            models.CheckConstraint(
                condition=models.Q(every__isnull=True) | models.Q(every__gt=0), name="health_plan_every"
            ),
        ]

    def __str__(self) -> str:
        return self.name
