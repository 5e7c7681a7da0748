"""Spare parts of a plant's store, and every movement of them. The database keeps a stock from falling below zero."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.assets.models import Site
from forgeline.tenancy.models import TenantModel


class SparePart(TenantModel):
    """A kind of part that the plant keeps; reordered when its stock reaches ``minimum``."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    number = models.CharField(_("part number"), max_length=60)
    name = models.CharField(_("name"), max_length=160)
    unit = models.CharField(_("unit"), max_length=20, blank=True)
    stock = models.DecimalField(_("stock"), max_digits=12, decimal_places=3, default=0)
    minimum = models.DecimalField(_("minimum"), max_digits=12, decimal_places=3, default=0)
    unit_cost = models.DecimalField(_("cost of one"), max_digits=12, decimal_places=2, default=0)
    place = models.CharField(_("place in the store"), max_length=80, blank=True)
    supplier = models.CharField(_("supplier"), max_length=160, blank=True)
    retired_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("spare part")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["site", "number"], name="health_part_once"),
            models.CheckConstraint(condition=models.Q(stock__gte=0), name="health_part_stock_not_negative"),
            models.CheckConstraint(
                condition=models.Q(minimum__gte=0, unit_cost__gte=0), name="health_part_figures_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


class MoveKind(models.TextChoices):
    RECEIPT = "receipt", _("received")
    ISSUE = "issue", _("taken")
    RETURN = "return", _("put back")
    COUNT = "count", _("counted")


class StockMove(TenantModel):
    """One movement of a part; never changed."""

    part = models.ForeignKey(SparePart, on_delete=models.CASCADE, related_name="moves")
    kind = models.CharField(max_length=8, choices=MoveKind.choices)
    quantity = models.DecimalField(max_digits=12, decimal_places=3)
    """Positive into the store, negative out of it."""
    stock_after = models.DecimalField(max_digits=12, decimal_places=3)
    work_order = models.ForeignKey("health.WorkOrder", on_delete=models.SET_NULL, null=True, related_name="+")
    note = models.CharField(max_length=200, blank=True)
    by = models.CharField(max_length=160)
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.part_id} {self.quantity:+}"
