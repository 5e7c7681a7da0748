"""Channels, and the routes with their steps. Not here: what goes through them (outbox)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from forgeline.identity.models import User
from forgeline.notifications.models.people import Roster
from forgeline.tenancy.models import TenantModel


class Priority(models.TextChoices):
    """How urgent a message is, the least urgent first."""

    LOW = "low", _("Low")
    MEDIUM = "medium", _("Medium")
    HIGH = "high", _("High")
    CRITICAL = "critical", _("Critical")


class Via(models.TextChoices):
    """By what a message goes."""

    BELL = "bell", _("Bell")
    EMAIL = "email", pgettext_lazy("by what", "E-mail")
    WEBHOOK = "webhook", _("Webhook")
    DINGTALK = "dingtalk", _("DingTalk")
    WECOM = "wecom", _("WeCom")
    FEISHU = "feishu", _("Feishu")
    SLACK = "slack", _("Slack")
    TEAMS = "teams", _("Teams")


class Channel(TenantModel):
    """A mailbox, a program or a group's robot that messages go to. The address of a robot is a secret itself."""

    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=12, choices=[c for c in Via.choices if c[0] != Via.BELL])
    address_sealed = models.TextField()
    secret_sealed = models.TextField(blank=True)
    hint = models.CharField(max_length=160)
    """What may be shown of the address."""
    language = models.CharField(_("language"), max_length=10, default="en")
    is_enabled = models.BooleanField(_("in use"), default=True)
    stopped_because = models.CharField(max_length=40, blank=True, editable=False)
    """partner; '' for what a person switched off."""
    partner_id = models.BigIntegerField(null=True, editable=False)
    """The partner whose people gave the address; None for the company's own (identity.belongings)."""
    most_in_10_min = models.PositiveIntegerField(_("most messages in ten minutes"), default=15)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="notifications_channel_once")]

    def __str__(self) -> str:
        return self.name


class Route(TenantModel):
    """Which messages go which way. Every route that fits a message takes it."""

    name = models.CharField(_("name"), max_length=120)
    min_priority = models.CharField(
        _("from priority"), max_length=8, choices=Priority.choices, default=Priority.LOW
    )
    kinds = models.JSONField(_("kinds"), default=list, blank=True)
    """``alarm.raised`` or ``alarm.*``; empty = all."""
    site_id = models.BigIntegerField(_("plant"), null=True, blank=True)
    is_enabled = models.BooleanField(_("in use"), default=True)
    repeat_minutes = models.PositiveIntegerField(_("begin again after"), default=30)
    """Minutes after the last step; 0 = never."""
    tells_end = models.BooleanField(_("tell the end"), default=True)

    class Meta(TenantModel.Meta):
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="notifications_route_once")]

    def __str__(self) -> str:
        return self.name


class RouteStep(TenantModel):
    """One step of a route: after a delay, to a roster, a person or a channel (exactly one of them)."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveIntegerField()
    after_minutes = models.PositiveIntegerField(_("after minutes"), default=0)
    """Since the message; 0 = at once. Later steps are for messages that need an answer and got none."""
    roster = models.ForeignKey(Roster, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta(TenantModel.Meta):
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["route", "position"], name="notifications_step_once"),
            models.CheckConstraint(
                condition=models.Q(roster__isnull=False, user=None, channel=None)
                | models.Q(roster=None, user__isnull=False, channel=None)
                | models.Q(roster=None, user=None, channel__isnull=False),
                name="notifications_step_one_target",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.route} +{self.after_minutes}: {self.roster or self.user or self.channel}"
