"""Every version of every trained model with its card; what was asked for and not trained, and why. Not here: what
models foretold (condition)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.assets.models import Asset
from forgeline.tenancy.models import TenantModel


class VersionState(models.TextChoices):
    WANTED = "wanted", _("waits for its training")
    CURRENT = "current", _("in use")
    FORMER = "former", _("replaced")
    REFUSED = "refused", _("not enough evidence")


class ModelVersion(TenantModel):
    """One version of a model of a machine, or of a fleet (the machines of one device profile)."""

    key = models.CharField(max_length=40)
    """``machine_pattern`` or ``remaining_life``."""
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, null=True, related_name="+")
    profile = models.CharField(max_length=60, blank=True)
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=VersionState.choices, default=VersionState.WANTED)
    card = models.JSONField(default=dict)
    """``science.card.ModelCard`` as an object; empty until it is trained."""
    reason = models.CharField(max_length=40, blank=True)
    reason_data = models.JSONField(default=dict)
    fitted = models.BinaryField(default=b"")
    drift = models.JSONField(default=dict)
    """The last report: ``at``, ``state``, ``points`` → stability and distance, or ``reason`` and ``data``."""
    drifted_at = models.DateTimeField(null=True)
    """Since when it is not trusted; it stays so until a new version is trained."""
    asked_by = models.CharField(max_length=160)
    asked_at = models.DateTimeField()
    trained_at = models.DateTimeField(null=True)
    seconds = models.FloatField(default=0)

    class Meta(TenantModel.Meta):
        verbose_name = _("model version")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "key", "asset", "profile", "number"], nulls_distinct=False, name="health_version_once"
            ),
            models.UniqueConstraint(
                fields=["tenant", "key", "asset", "profile", "state"], nulls_distinct=False,
                condition=models.Q(state__in=["wanted", "current"]), name="health_version_in_use_once",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.key} {self.asset_id or self.profile} {self.number}"

    @property
    def is_trusted(self) -> bool:
        return self.state == VersionState.CURRENT and self.drifted_at is None
