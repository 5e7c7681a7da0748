"""What maintenance knows of a machine, its papers and photos, and the company's terms. Not here: the tree (assets)."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.assets.models import Asset
from forgeline.tenancy.models import TenantModel

_SCORE = [MinValueValidator(1), MaxValueValidator(10)]


class MachineRecord(TenantModel):
    """Nameplate and criticality of a machine, and the token of the label that hangs on it."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    manufacturer = models.CharField(_("manufacturer"), max_length=120, blank=True)
    type_name = models.CharField(_("type"), max_length=120, blank=True)
    serial_number = models.CharField(_("serial number"), max_length=120, blank=True)
    built_in = models.PositiveSmallIntegerField(
        _("built in"), null=True, blank=True, validators=[MinValueValidator(1850), MaxValueValidator(2200)]
    )
    severity = models.PositiveSmallIntegerField(_("severity"), null=True, blank=True, validators=_SCORE)
    occurrence = models.PositiveSmallIntegerField(_("occurrence"), null=True, blank=True, validators=_SCORE)
    detection = models.PositiveSmallIntegerField(_("detection"), null=True, blank=True, validators=_SCORE)
    note = models.TextField(_("note"), max_length=4000, blank=True)
    fault_token = models.CharField(max_length=43, null=True, unique=True)  # noqa: DJ001  # NULL: no label yet
    """Whoever holds it may report a fault of this machine, and nothing else."""

    class Meta(TenantModel.Meta):
        verbose_name = _("machine record")
        constraints = [models.UniqueConstraint(fields=["tenant", "asset"], name="health_record_once")]

    def __str__(self) -> str:
        return f"record of {self.asset_id}"


class FileKind(models.TextChoices):
    DOCUMENT = "document", _("Document")
    PHOTO = "photo", _("Photo")


class StoredFile(TenantModel):
    """A document or photo of a machine; its bytes lie under var/files by their hash, outside of the web root."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    work_order = models.ForeignKey(
        "health.WorkOrder", on_delete=models.CASCADE, null=True, related_name="files"
    )
    kind = models.CharField(max_length=8, choices=FileKind.choices)
    name = models.CharField(_("name"), max_length=160)
    content_type = models.CharField(max_length=100)
    """As the content says, not as the sender says."""
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    by = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("document")
        indexes = [models.Index(fields=["asset", "-id"], name="health_file_newest")]

    def __str__(self) -> str:
        return self.name


class Terms(TenantModel):
    """By what maintenance reckons in this company."""

    labour_rate = models.DecimalField(
        _("labour rate an hour"),
        max_digits=10,
        decimal_places=2,
        default=0,
        validators=[MinValueValidator(0)],
    )
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    cost_acting = models.DecimalField(
        _("acting on an advisory costs"),
        max_digits=14,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )
    cost_failure = models.DecimalField(
        _("a failure costs"),
        max_digits=14,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )
    horizon_days = models.PositiveSmallIntegerField(
        _("days ahead in which a limit is told"),
        default=14,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
    )
    """A limit or a failure is told once the near end of its interval lies within them."""
    orders_by_rule = models.BooleanField(_("each new advisory asks for a work order"), default=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("terms of maintenance")
        constraints = [models.UniqueConstraint(fields=["tenant"], name="health_terms_once")]

    def __str__(self) -> str:
        return f"{self.labour_rate} {self.currency}/h"
