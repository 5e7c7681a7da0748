"""Condition of machines by the hour, what the hourly judgement remembers, episodes, and the ledger of advisories.

Not here: the science (science/), what is opened and labelled (services/advisories).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.health.models.orders import WorkOrder
from forgeline.assets.models import Asset, Point
from forgeline.tenancy.models import TenantModel


class Watch(TenantModel):
    """What the judgement of one machine remembers between two hours; whoever holds this row's lock judges."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    oldest_at = models.DateTimeField(null=True)
    """The oldest sample that was there at the last look, while the history may still be coming in."""
    oldest_since = models.DateTimeField(null=True)
    next_hour = models.DateTimeField(null=True)
    """The hour that is judged next; none: not begun."""
    began_at = models.DateTimeField(null=True)
    """When the first hour was judged: from then on people could be told. Never changed, so that before stays before."""
    point_ids = models.JSONField(default=list)
    memory = models.BinaryField(default=b"")
    """Arrays of streaming.StreamState, packed by numpy."""
    severities = models.JSONField(default=dict)
    """Point → how odd it still is, 0 to 1, fading."""
    trends = models.JSONField(default=list)
    """``outlook.lay_trend`` of each limit at the last run."""
    pattern = models.JSONField(default=dict)
    """What all points together said in the last hour: score, shares and version, or the reason for none."""
    life = models.JSONField(default=dict)
    """What the fleet's model says of the time that is left, or why it cannot."""
    cpu_s = models.FloatField(default=0)
    """Of the last run."""
    hours = models.PositiveIntegerField(default=0)
    """Judged in the last run."""
    ran_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["asset"], name="health_watch_once")]

    def __str__(self) -> str:
        return f"watch of {self.asset_id}"


class Condition(TenantModel):
    """How healthy a machine was in one hour and why, or why nobody can say."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    hour = models.DateTimeField()
    index = models.FloatField(null=True)
    """0 to 100; none: ``reason`` says why."""
    known = models.FloatField(default=0)
    parts = models.JSONField(default=list)
    """``{kind, point, severity, lost}``: what took how many points away."""
    reason = models.CharField(max_length=40, blank=True)
    reason_data = models.JSONField(default=dict)
    features = models.JSONField(default=dict)
    """Point → its features in this hour."""
    levels = models.BinaryField(default=b"")
    """Its five-minute levels (``judging.pack_levels``), by which models are trained."""
    samples = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        verbose_name = _("machine condition")
        constraints = [models.UniqueConstraint(fields=["asset", "hour"], name="health_condition_once")]

    def __str__(self) -> str:
        return f"{self.asset_id} {self.hour}"


TOGETHER = "together"
"""Stands in an episode for all points by their pattern."""


class Episode(TenantModel):
    """A stretch in which a machine's values stood out; onsets close to each other are one."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    started_at = models.DateTimeField()
    last_at = models.DateTimeField()
    points = models.JSONField(default=dict)
    """Point → ``{score, value, at}`` of its oddest value; TOGETHER → the same with ``shares`` (point, share)."""

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["asset", "started_at"], name="health_episode_once")]

    def __str__(self) -> str:
        return f"{self.asset_id} {self.started_at}"


class AdvisoryKind(models.TextChoices):
    ANOMALY = "anomaly", _("Unusual values")
    TREND = "trend", _("On the way to a limit")
    LIFE = "life", _("Little life left")


class Finding(models.TextChoices):
    OPEN = "", _("not looked at yet")
    CONFIRMED = "confirmed", _("Confirmed")
    FALSE = "false", _("False alarm")
    OTHER = "other", _("Another cause")


LONG_OVER = timedelta(hours=18)
"""An advisory whose evidence had ended so long before it was opened came with a history."""


class Advisory(TenantModel):
    """One thing that a model foretold, what it rests on, and what the technician found."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    point = models.ForeignKey(Point, on_delete=models.CASCADE, related_name="+")
    """The point that says most."""
    episode = models.OneToOneField(Episode, on_delete=models.CASCADE, null=True, related_name="advisory")
    kind = models.CharField(_("kind"), max_length=8, choices=AdvisoryKind.choices)
    model = models.CharField(max_length=40)
    version = models.CharField(max_length=20)
    data = models.JSONField(default=dict)
    """The numbers of its sentence."""
    point_ids = models.JSONField(default=list)
    evidence_from = models.DateTimeField()
    evidence_to = models.DateTimeField()
    lead_s = models.FloatField(null=True)
    lead_low_s = models.FloatField(null=True)
    lead_high_s = models.FloatField(null=True)
    cost_acting = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    cost_failure = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    opened_at = models.DateTimeField()
    was_told = models.BooleanField(default=False)
    work_order = models.OneToOneField(
        WorkOrder, on_delete=models.SET_NULL, null=True, related_name="advisory"
    )
    finding = models.CharField(
        _("finding"), max_length=9, choices=Finding.choices, default=Finding.OPEN, blank=True
    )
    finding_note = models.CharField(max_length=1000, blank=True)
    found_by = models.CharField(max_length=160, blank=True)
    found_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("advisory")
        constraints = [
            models.UniqueConstraint(
                fields=["point", "kind"], condition=models.Q(kind="trend", finding=""), name="health_trend_told_once"
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["tenant", "model", "-found_at"], name="health_advisory_labels")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.asset_id}"

    @property
    def began_at(self) -> datetime:
        """When what it tells of began, by the samples' own time."""
        return self.episode.started_at if self.episode is not None else self.opened_at

    @property
    def is_of_history(self) -> bool:
        """Whether it was long over when it was found: it came with samples of the past."""
        return self.opened_at - self.evidence_to > LONG_OVER
