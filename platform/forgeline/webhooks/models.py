"""Endpoint, Event, Delivery and Attempt. Events and deliveries are written by ``webhooks_announce`` in the database."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.tenancy.models import TenantModel


class Endpoint(TenantModel):
    """An address of another program, and which events it wants to hear."""

    name = models.CharField(_("name"), max_length=120)
    url = models.CharField(_("address"), max_length=500)
    events = ArrayField(models.CharField(max_length=80), verbose_name=_("events"))
    """``alarms.alarm.raised``, ``alarms.*``, ``*``."""
    secret_sealed = models.TextField()
    former_sealed = models.TextField(blank=True)
    """Signs beside the new secret until ``former_until``."""
    former_until = models.DateTimeField(null=True)
    is_enabled = models.BooleanField(_("in use"), default=True)
    stopped_because = models.CharField(max_length=40, blank=True)
    """gone | failing | partner, '' for what a person switched off."""
    partner_id = models.BigIntegerField(null=True, editable=False)
    """The partner whose people gave the address; None for the company's own (identity.belongings)."""
    failing_since = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("webhook")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="webhooks_endpoint_once")]

    def __str__(self) -> str:
        return self.name


class Event(TenantModel):
    """Something that happened, as every endpoint is told it."""

    type = models.CharField(max_length=80)
    subject = models.CharField(max_length=120)
    """``assets.device:42``: one thing, whose events are told in their order."""
    data = models.JSONField()
    happened_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "happened_at"], name="webhooks_event_age")]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}"


class State(models.TextChoices):
    WAITING = "waiting", _("waiting")
    SENDING = "sending", _("being sent")
    SENT = "sent", _("delivered")
    FAILED = "failed", _("given up")


class Delivery(TenantModel):
    """One event on its way to one endpoint."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    subject = models.CharField(max_length=120)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    is_replay = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state__in=("waiting", "sending")),
                name="webhooks_delivery_due",
            ),
            models.Index(
                fields=["endpoint", "subject", "id"],
                condition=models.Q(state__in=("waiting", "sending")),
                name="webhooks_delivery_order",
            ),
            models.Index(fields=["endpoint", "-id"], name="webhooks_delivery_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} → {self.endpoint_id} {self.state}"


class Attempt(TenantModel):
    """One try of a delivery, and what the other side said."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    at = models.DateTimeField()
    took_ms = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True)
    reason = models.CharField(max_length=40, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    answer = models.CharField(max_length=2000, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.delivery_id} {self.status or self.reason}"
