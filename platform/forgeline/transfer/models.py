"""Erasure: the operator's record that a company is gone. It outlives the company and names no person of it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.models import TenantManager


class Erasure(models.Model):
    """That a company was erased: when it was asked for, begun and ended, and how many rows went from which table."""

    tenant_id = models.BigIntegerField(editable=False, default=require_tenant_id, unique=True)
    name = models.CharField(max_length=120)
    asked_at = models.DateTimeField()
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)
    """Table → rows that went."""
    left = models.JSONField(default=dict)
    """Table → rows that were found afterwards; what is not empty is a fault, but for what the law has kept."""

    objects: ClassVar[TenantManager] = TenantManager()

    class Meta:
        base_manager_name = "objects"
        default_manager_name = "objects"

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.name} {self.ended_at or ''}"
