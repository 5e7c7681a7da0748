"""Machine states as intervals. Not here: samples, roll-ups and the commit log, which are no Django models (engines)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.assets.models import Asset
from forgeline.tenancy.models import TenantModel


class State(models.TextChoices):
    """Same words as state_rules.MachineState, with their names for people; a test compares them."""

    RUNNING = "running", _("Running")
    IDLE = "idle", _("Idle")
    SETUP = "setup", _("Set-up")
    DOWN = "down", _("Down")
    OFF = "off", _("Off")
    MAINTENANCE = "maintenance", _("Maintenance")
    NO_DATA = "no_data", _("No data")


class StateInterval(TenantModel):
    """A machine was in one state during ``[started_at, ended_at)``; ended_at is empty for the present one."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(_("state"), max_length=12, choices=State.choices)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("machine state")
        constraints = [
            models.UniqueConstraint(fields=["asset", "started_at"], name="telemetry_state_once"),
            models.UniqueConstraint(
                fields=["asset"], condition=models.Q(ended_at=None), name="telemetry_state_one_open"
            ),
        ]
        indexes = [models.Index(fields=["asset", "ended_at"], name="telemetry_state_ended")]

    def __str__(self) -> str:
        return f"{self.asset_id} {self.state} {self.started_at}"
