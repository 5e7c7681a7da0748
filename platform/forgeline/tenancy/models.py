"""Tenant, and the base of every tenant-owned table. Not here: sign-up and plans (identity, billing)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.tenancy.context import require_tenant_id


class Kind(models.TextChoices):
    COMPANY = "company", _("company")
    PARTNER = "partner", _("partner")
    """Integrators and machine makers: their people act at customers who grant it (decision 0011)."""
    OPERATOR = "operator", _("operator")
    """Runs the service for the others; has the console."""


class Tenant(models.Model):
    """A company that uses Forgeline. Its row is visible in its own scope only (row-level security on ``id``)."""

    name = models.CharField(_("name"), max_length=120)
    slug = models.SlugField(_("short name"), max_length=60, unique=True)
    language = models.CharField(_("language"), max_length=10, default="en")
    industry = models.CharField(_("what is made"), max_length=20, blank=True)
    """A key of ``assets.industries``."""
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.COMPANY, editable=False)
    """The database lets nobody but its owner's functions change it: no company makes itself the operator."""
    adopts_unknown = models.BooleanField(
        _("adopt unknown devices and keys by itself"), default=False,
        help_text=_("New devices and values become points at once instead of waiting for a person."),
    )  # fmt: skip
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("company")

    def __str__(self) -> str:
        return self.name


class CurrentTenant(models.Expression):
    """The tenant in scope, asked for when a query is put into SQL, not when it is written down.

    So a queryset may be made anywhere, and running it outside a scope raises TenancyError.
    """

    output_field = models.BigIntegerField()

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        return "%s", (require_tenant_id(),)


class TenantManager(models.Manager[Any]):
    """Every query is narrowed to the tenant in scope; without one it is refused, not answered with nothing."""

    _narrowed: models.QuerySet[Any] | None = None

    def get_queryset(self) -> models.QuerySet[Any]:
        if self._db is not None or getattr(self, "_hints", None):
            return super().get_queryset().filter(tenant_id=CurrentTenant())
        # Made once and copied: the tenant is asked for when it becomes SQL, and the making is a tenth of a small read.
        if self._narrowed is None or self._narrowed.model is not self.model:
            self._narrowed = super().get_queryset().filter(tenant_id=CurrentTenant())
        return self._narrowed.all()


class TenantModel(models.Model):
    """Base of tenant-owned rows. Row-level security is the wall, the manager is the sign on it.

    A migration of a subclass adds ``tenancy.rls.EnableRowSecurity("table")``; a test fails where it is missing.
    """

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="+", editable=False, default=require_tenant_id
    )

    objects: ClassVar[TenantManager] = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        default_manager_name = "objects"
