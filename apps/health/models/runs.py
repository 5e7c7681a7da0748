"""Runs of model jobs: how far each is and how long it took. Not here: what was judged (condition)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.tenancy.models import TenantModel


class ModelRun(TenantModel):
    """One turn of a worker at machines of which hours are over.

    ``done`` and ``worked_at`` are written with the hours themselves: what a killed worker leaves behind says how far
    it came, and that it did not end.
    """

    machines = models.PositiveIntegerField()
    due = models.PositiveIntegerField()
    """Hours of machines that were over when it began."""
    done = models.PositiveIntegerField(default=0)
    cpu_s = models.FloatField(default=0)
    started_at = models.DateTimeField()
    worked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    fault = models.CharField(max_length=200, blank=True)
    """Why it ended early; none: it did what there was to do, or gave its place to the next."""

    class Meta(TenantModel.Meta):
        verbose_name = _("model run")
        indexes = [models.Index(fields=["tenant", "-started_at"], name="health_run_newest")]

    def __str__(self) -> str:
        return f"{self.done} of {self.due} hours"
