"""Provider, Domain and Identity of a company. Not here: who may come in by them (arrival), the protocol (flow)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.tenancy.models import TenantModel


class Provider(TenantModel):
    """The OpenID Connect provider of a company: at most one."""

    discovery_url = models.CharField(_("discovery address"), max_length=500)
    issuer = models.CharField(max_length=500)
    """As its discovery document says; every token must carry it."""
    client_id = models.CharField(_("client id"), max_length=200)
    secret_sealed = models.TextField()
    role = models.CharField(_("role of new people"), max_length=20, blank=True)
    """'' lets only those in who are members already, or invited."""
    trusts_email = models.BooleanField(_("its addresses count as proven"), default=False)
    """For providers that say nothing of it; one that says no is believed."""
    is_required = models.BooleanField(_("required"), default=False)
    """Members with an address of a proven domain come in this way only, owners excepted."""
    generation = models.PositiveIntegerField()
    """Drawn anew when issuer or client change: sessions of before end."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("sign-on provider")
        constraints = [models.UniqueConstraint(fields=["tenant"], name="sso_provider_once")]

    def __str__(self) -> str:
        return self.issuer


class Domain(TenantModel):
    """An e-mail domain of a company. Proven, it is that of one company of the whole installation."""

    name = models.CharField(_("domain"), max_length=253)
    token = models.CharField(max_length=64)
    proven_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("e-mail domain")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="sso_domain_once"),
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(proven_at__isnull=False), name="sso_domain_of_one"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Identity(TenantModel):
    """A person as the company's provider names them; means nothing in another company."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("person at the provider")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "issuer", "subject"], name="sso_identity_once"),
            models.UniqueConstraint(fields=["tenant", "issuer", "user"], name="sso_identity_of_one"),
        ]

    def __str__(self) -> str:
        return self.subject
