"""What was announced, whom it is still to reach, and each attempt. Not here: who works it off (outbox, routing)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.identity.models import User
from forgeline.notifications.models.routing import Channel, Priority, Route, Via
from forgeline.tenancy.models import TenantModel


class Notice(TenantModel):
    """A message as it was announced; written in the announcer's transaction."""

    subject = models.CharField(max_length=120)
    kind = models.CharField(max_length=60)
    priority = models.CharField(max_length=8, choices=Priority.choices)
    site_id = models.BigIntegerField(null=True)
    title = models.JSONField()
    body = models.JSONField()
    path = models.CharField(max_length=300, blank=True)
    happened_at = models.DateTimeField()
    needs_answer = models.BooleanField()
    announced_at = models.DateTimeField()
    routed_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.CharField(max_length=120, blank=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "subject"], name="notifications_notice_subject"),
            models.Index(
                fields=["tenant", "id"], condition=models.Q(routed_at=None), name="notifications_notice_new"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Escalation(TenantModel):
    """How far a subject has come on a route; at most one is open for each pair."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="escalations")
    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="+")
    subject = models.CharField(max_length=120)
    round = models.PositiveIntegerField(default=0)
    round_began_at = models.DateTimeField()
    position = models.PositiveIntegerField()
    """The step that comes next."""
    began_at = models.DateTimeField()
    due_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=120, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "route", "subject"], condition=models.Q(ended_at=None),
                name="notifications_escalation_once",
            )
        ]  # fmt: skip
        indexes = [
            models.Index(
                fields=["tenant", "due_at"], condition=models.Q(ended_at=None),
                name="notifications_escalation_due",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.subject} on {self.route}"


class State(models.TextChoices):
    """What has become of a delivery."""

    WAITING = "waiting", _("Waiting")
    SENDING = "sending", _("Being sent")
    HELD = "held", _("Held back")
    SENT = "sent", _("Sent")
    COLLECTED = "collected", _("In a collected message")
    DROPPED = "dropped", _("No longer needed")
    FAILED = "failed", _("Failed")
    NOBODY = "nobody", _("Nobody there")


class Form(models.TextChoices):
    """What kind of letter a delivery is."""

    SINGLE = "single", _("Message")
    END = "end", _("End of a message")
    DIGEST = "digest", _("Collected messages")
    SUMMARY = "summary", _("More than the limit")
    TEST = "test", _("Test")


class Delivery(TenantModel):
    """One message to one recipient by one means. ``key`` makes it one, however often it is worked on."""

    key = models.CharField(max_length=120)
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, null=True, related_name="deliveries")
    escalation = models.ForeignKey(Escalation, on_delete=models.SET_NULL, null=True, related_name="+")
    route = models.ForeignKey(Route, on_delete=models.SET_NULL, null=True, related_name="+")
    step = models.PositiveIntegerField(null=True)
    round = models.PositiveIntegerField(default=0)
    form = models.CharField(max_length=8, choices=Form.choices, default=Form.SINGLE)
    via = models.CharField(max_length=12, choices=Via.choices, blank=True)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    channel = models.ForeignKey(Channel, on_delete=models.SET_NULL, null=True, related_name="+")
    to_name = models.CharField(max_length=160)
    """The name as it was: a person may leave, a channel may go."""
    language = models.CharField(max_length=10, default="en")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=40, blank=True)
    """A key of wording.REASONS."""
    detail = models.CharField(max_length=300, blank=True)
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="children")
    """The collected message in which this one went."""
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    """By the person, at the bell."""

    class Meta(TenantModel.Meta):
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="notifications_delivery_once")]
        indexes = [
            models.Index(
                fields=["tenant", "due_at"], condition=models.Q(state__in=["waiting", "sending", "held"]),
                name="notifications_delivery_due",
            ),
            models.Index(fields=["tenant", "user", "via", "-id"], name="notifications_delivery_of"),
            models.Index(fields=["tenant", "channel", "-id"], name="notifications_delivery_by"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.form} to {self.to_name} by {self.via}: {self.state}"


class Attempt(TenantModel):
    """One try of a delivery and what came of it."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    at = models.DateTimeField()
    took_ms = models.PositiveIntegerField(default=0)
    is_sent = models.BooleanField()
    reason = models.CharField(max_length=40, blank=True)
    detail = models.CharField(max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {'sent' if self.is_sent else self.reason}"
