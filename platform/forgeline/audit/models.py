"""Entry: one thing that somebody did. Written by triggers and the recorder; the database lets nobody change one."""

from __future__ import annotations

from django.db import models

from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.models import Tenant, TenantModel


class Entry(TenantModel):
    """Who did what to which thing. Names are kept as they were; nothing points at a row that may go."""

    tenant = models.ForeignKey(
        Tenant, on_delete=models.DO_NOTHING, related_name="+", editable=False, default=require_tenant_id,
        db_constraint=False,
    )  # fmt: skip
    """No foreign key in the database: what says that entries went outlives the company."""
    at = models.DateTimeField()
    who_kind = models.CharField(max_length=10)
    """person | key | service"""
    who_id = models.BigIntegerField(null=True)
    who = models.CharField(max_length=160)
    on_behalf = models.CharField(max_length=160, blank=True)
    """Of whom, where somebody of the service or a partner acts as a member."""
    action = models.CharField(max_length=80)
    """``assets.point.changed``"""
    subject_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=200, blank=True)
    changes = models.JSONField(default=dict)
    """Field → [before, after]; what is secret stands as ``…``."""
    address = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=120, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "-id"], name="audit_entry_newest"),
            models.Index(fields=["tenant", "action", "-id"], name="audit_entry_action"),
        ]

    def __str__(self) -> str:
        return f"{self.who} {self.action} {self.subject}"
