"""Point: one measured or told quantity of a machine."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.assets.models.device import Device
from forgeline.assets.models.naming import Named, words_of
from forgeline.assets.models.place import Asset
from forgeline.tenancy.models import TenantModel


class Kind(models.IntegerChoices):
    """Same numbers as forgeline.telemetry.sample.PointKind, which stands higher in the house; a test compares them."""

    GAUGE = 0, _("Measurement")
    COUNTER = 1, _("Counter")
    STATE = 2, _("State")
    BOOLEAN = 3, _("Yes or no")
    TEXT = 4, _("Text")


class Point(Named, TenantModel):
    """A quantity with its unit (UCUM), kind, valid range and rhythm. The id fits int4: samples carry it."""

    id = models.AutoField(primary_key=True)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="points")
    device = models.ForeignKey(
        Device, on_delete=models.SET_NULL, null=True, blank=True, related_name="points"
    )
    key = models.CharField(_("key"), max_length=120)
    unit = models.CharField(_("unit"), max_length=32, blank=True)
    kind = models.SmallIntegerField(_("kind"), choices=Kind.choices, default=Kind.GAUGE)
    role = models.CharField(_("role"), max_length=60, blank=True)
    """What the value is for, from assets/roles.py: ``power.active``, ``count.good``, ``machine.state``."""
    valid_min = models.FloatField(_("lowest valid value"), null=True, blank=True)
    valid_max = models.FloatField(_("highest valid value"), null=True, blank=True)
    expected_interval_s = models.FloatField(_("expected every (s)"), default=60.0)
    decimals = models.PositiveSmallIntegerField(_("decimals"), default=1)
    labels = models.JSONField(_("labels of states"), default=dict, blank=True)
    """State code (as text) → word, or {language: word}."""
    is_simulated = models.BooleanField(_("simulated"), default=False)
    position = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    words = words_of("name", "names", "key")

    class Meta(TenantModel.Meta):
        verbose_name = _("point")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "asset", "key"], name="assets_point_key_once"),
            models.CheckConstraint(
                condition=models.Q(expected_interval_s__gt=0), name="assets_point_interval_positive"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "id"], name="assets_point_in_order"),
            models.Index(fields=["tenant", "name", "id"], name="assets_point_by_name"),
        ]

    def __str__(self) -> str:
        return f"{self.asset} · {self.name}"
