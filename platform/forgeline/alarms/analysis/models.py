"""Weeks that were analysed, kept for good. Not here: how they are made (reports)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.assets.models import Site
from forgeline.tenancy.models import TenantModel


class AlarmReport(TenantModel):
    """A plant's production week, as its journal told it an hour after its end; readable when the journal is gone."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    on = models.DateField(_("week from"))
    """Its Monday, a production day."""
    from_at = models.DateTimeField()
    to_at = models.DateTimeField()
    """Its end; earlier where there was more than can be read at once (``is_cut`` of the details)."""
    made_at = models.DateTimeField(auto_now_add=True)
    alarms = models.PositiveIntegerField(_("alarms"))
    """How often the operator was told."""
    kpis = models.JSONField()
    """kpis.compute."""
    details = models.JSONField()
    """What queries.describe tells beside them: known_from, days, floods, chattering, fleeting, stale; and is_cut."""
    bad_actors = models.JSONField()
    """worst.describe_actors."""

    class Meta(TenantModel.Meta):
        app_label = "alarms"
        verbose_name = _("alarm report")
        constraints = [models.UniqueConstraint(fields=["tenant", "site", "on"], name="alarms_report_once")]
        indexes = [models.Index(fields=["tenant", "-from_at"], name="alarms_report_newest")]

    def __str__(self) -> str:
        return f"{self.site} {self.on}"
