"""Site and Asset: the role-based equipment hierarchy of ISA-95 (IEC 62264-1, 5.3)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.assets.models.naming import Named, words_of
from forgeline.tenancy.models import TenantModel


class Site(Named, TenantModel):
    """A plant: one address, one time zone, one calendar."""

    zone = models.CharField(_("time zone"), max_length=64, default="Asia/Shanghai")
    country = models.CharField(_("country of holidays"), max_length=8, default="CN", blank=True)
    day_starts_at = models.TimeField(_("production day starts at"), default="00:00")
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("plant")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="assets_site_name_once")]

    def __str__(self) -> str:
        return self.name


class AssetLevel(models.TextChoices):
    """Levels of ISA-95 beneath the site."""

    AREA = "area", _("Area")
    LINE = "line", _("Line")
    WORK_UNIT = "work_unit", _("Machine")


class Asset(Named, TenantModel):
    """An area, a line or a machine. ``path`` holds the ids from the site down, ``/3/17/42/``: grants and reads of a
    branch compare it by prefix; ``assets.services.move_asset`` rewrites it.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="assets")
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    level = models.CharField(_("level"), max_length=12, choices=AssetLevel.choices)
    path = models.CharField(max_length=255, db_index=True)
    position = models.PositiveIntegerField(default=0)
    profile = models.CharField(_("device profile"), max_length=60, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    words = words_of("name", "names")

    class Meta(TenantModel.Meta):
        verbose_name = _("asset")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "site", "parent", "name"],
                name="assets_asset_name_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return self.name
