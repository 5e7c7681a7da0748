"""Inspection routes (点检), a pass along one, and what was found at each stop."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.health.models.orders import ItemKind, ItemResult, WorkOrder
from forgeline.assets.models import Asset, Site
from forgeline.assets.models.naming import Named
from forgeline.tenancy.models import TenantModel


class InspectionRoute(Named, TenantModel):
    """Stops at machines of a plant, in the order in which somebody walks."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    every_hours = models.PositiveSmallIntegerField(_("walked every (h)"), null=True, blank=True)
    retired_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("inspection route")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="health_route_once")]

    def __str__(self) -> str:
        return self.name


class InspectionItem(TenantModel):
    """One thing to look at on one machine. What was walked keeps its items: a changed route retires them."""

    route = models.ForeignKey(InspectionRoute, on_delete=models.CASCADE, related_name="items")
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=300)
    kind = models.CharField(max_length=5, choices=ItemKind.choices, default=ItemKind.CHECK)
    unit = models.CharField(max_length=20, blank=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.text


class Pass(models.TextChoices):
    OPEN = "open", _("under way")
    DONE = "done", _("finished")
    BROKEN_OFF = "broken_off", _("broken off")


class Inspection(TenantModel):
    """One pass along a route; there is one at a time."""

    route = models.ForeignKey(InspectionRoute, on_delete=models.CASCADE, related_name="inspections")
    state = models.CharField(max_length=10, choices=Pass.choices, default=Pass.OPEN)
    by = models.CharField(max_length=160)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("inspection")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["route"], condition=models.Q(state="open"), name="health_one_pass_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.route_id} {self.started_at:%Y-%m-%d %H:%M}"


class InspectionResult(TenantModel):
    """What was found at one stop of one pass; saved by itself, so that a lost net loses nothing."""

    inspection = models.ForeignKey(Inspection, on_delete=models.CASCADE, related_name="results")
    item = models.ForeignKey(InspectionItem, on_delete=models.PROTECT, related_name="results")
    result = models.CharField(max_length=6, choices=ItemResult.choices)
    value = models.FloatField(null=True)
    note = models.CharField(max_length=300, blank=True)
    by = models.CharField(max_length=160)
    at = models.DateTimeField()
    work_order = models.OneToOneField(WorkOrder, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["inspection", "item"], name="health_result_once")]

    def __str__(self) -> str:
        return f"{self.item_id} {self.result}"
