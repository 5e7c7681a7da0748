"""How far a company is in its first hour, and who does not want to be reminded. Not here: the steps (modules)."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from forgeline.tenancy.models import TenantModel


class StepRecord(TenantModel):
    """A step of the first hour that was done, or left out. What was done once stays done."""

    key = models.CharField(max_length=80)
    done_at = models.DateTimeField(null=True)
    skipped_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="web_steprecord_once")]

    def __str__(self) -> str:
        return self.key


class FirstHourDismissal(TenantModel):
    """A person who has put the reminder on the overview away."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    dismissed_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="web_firsthourdismissal_once")]

    def __str__(self) -> str:
        return str(self.user_id)
