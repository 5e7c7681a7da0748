"""Entitlement: one row for each company that is limited. A company without one, as on a plant's own server, is not."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.tenancy.models import TenantModel


class Access(models.TextChoices):
    FULL = "full", _("everything")
    OVERDUE = "overdue", _("everything, with a notice that an invoice is overdue")
    SUSPENDED = "suspended", _("only invoices, payment and the company's own data")
    """Pages and API are shut; connectors go on, alarms are judged."""


class Entitlement(TenantModel):
    """Written by whoever sells (billing) and, as to its switches, by the company; read by whoever counts."""

    limits = models.JSONField(default=dict)
    """``{"devices": 20, …}`` (see ``rights.KINDS``); what is absent is unlimited."""
    modules = ArrayField(models.CharField(max_length=40), null=True)
    """Keys of the modules that may be switched on; None for all."""
    switched_off = ArrayField(models.CharField(max_length=40), default=list)
    """Of those that it may have, the modules that the company does not want to see."""
    access = models.CharField(max_length=10, choices=Access, default=Access.FULL)
    plan = models.CharField(max_length=20, blank=True)
    """Key of the plan that was bought; what it allows stands beside it."""
    switches = models.JSONField(default=dict)
    """Feature → on or off, as the operator says for this company alone; what is absent follows the plan."""
    excess_since = models.DateTimeField(null=True)
    """Since when more samples were stored this month than the plan has."""

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="entitlements_once")]

    def __str__(self) -> str:
        return f"entitlement of {self.tenant_id}"
