"""Trials that take longer than a request. Not here: how they are worked on (jobs)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.assets.models import Asset
from forgeline.identity.models import User
from forgeline.tenancy.models import TenantModel


class Trial(TenantModel):
    """A rule tried over stored samples: what was asked, how far it is, and what was found once all of it is."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, null=True, related_name="+")
    profile = models.CharField(_("profile"), max_length=60, blank=True)
    key = models.SlugField(_("key"), max_length=60, blank=True)
    definition = models.JSONField()
    days = models.PositiveSmallIntegerField(_("days"))
    """As asked for."""
    from_us = models.BigIntegerField()
    to_us = models.BigIntegerField()
    language = models.CharField(max_length=10)
    """Of the sentences in the result: that of the person who asked."""
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    progress = models.PositiveSmallIntegerField(_("progress"), default=0)
    """Percent."""
    result = models.JSONField(null=True)
    error = models.CharField(max_length=500, blank=True)
    # What a worker leaves behind for the next one.
    worker = models.CharField(max_length=64, blank=True)
    claimed_until = models.DateTimeField(null=True)
    worked_at = models.DateTimeField(null=True)
    done = models.JSONField(default=list)
    """The findings of the machines that are through."""
    kept = models.BinaryField(null=True)
    """Where the machine in work stands (MachineTrial.keep)."""

    class Meta(TenantModel.Meta):
        app_label = "alarms"
        verbose_name = _("trial of a rule")
        indexes = [
            models.Index(
                fields=["claimed_until"], name="alarms_trial_open", condition=models.Q(finished_at=None)
            )
        ]

    def __str__(self) -> str:
        return f"{self.asset or self.profile} {self.key} {self.days} d"
