"""Announcement: what the operator tells everybody, one plan or one company, on every page; and who has put it away."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.identity.models import User
from forgeline.tenancy.models import Tenant, TenantModel


class Tone(models.TextChoices):
    INFO = "info", _("for information")
    WARN = "warn", _("a warning")


class Announcement(TenantModel):
    """Belongs to the operator. Without ``plan`` and ``company`` it is for everybody."""

    texts = models.JSONField()
    """Language → sentence."""
    tone = models.CharField(max_length=4, choices=Tone, default=Tone.INFO)
    plan = models.CharField(max_length=20, blank=True)
    company = models.ForeignKey(Tenant, on_delete=models.CASCADE, null=True, related_name="+")
    from_at = models.DateTimeField()
    to_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        ordering = ["-id"]

    def __str__(self) -> str:
        return str(self.texts.get("en", ""))[:60]


class PutAway(models.Model):
    """A person has read an announcement and wants to see it no more."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    announcement = models.ForeignKey(Announcement, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "announcement"], name="pages_putaway_once")]

    def __str__(self) -> str:
        return f"{self.announcement_id} by {self.user_id}"
