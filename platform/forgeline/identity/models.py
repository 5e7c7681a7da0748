"""User (of the whole service); Membership, OwnRole, Invitation, ApiKey, PartnerGrant, Impersonation and KeptAnswer (of
one tenant).

Not here: what a role may do (policy).
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from forgeline.tenancy.models import Tenant, TenantModel


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person; belongs to tenants by memberships. Signs in with the e-mail address, kept in lower case."""

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        verbose_name = _("person")

    def __str__(self) -> str:
        return self.name or self.email


class Role(models.TextChoices):
    """The keys of the roles that every company has; what each may do is in roles."""

    OWNER = "owner", _("Owner")
    MANAGER = "manager", _("Plant manager")
    ENGINEER = "engineer", _("Engineer")
    MAINTENANCE = "maintenance", pgettext_lazy("role", "Maintenance")
    OPERATOR = "operator", _("Operator")
    VIEWER = "viewer", _("Viewer")
    INTEGRATOR = "integrator", _("Integrator")


class OwnRole(TenantModel):
    """A role that a company made for itself: a copy of a built-in one, changed."""

    key = models.CharField(max_length=20)
    """Begins with ``own-``: never the key of a built-in role."""
    name = models.CharField(_("name"), max_length=60)
    permissions = ArrayField(models.CharField(max_length=60), default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("role")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "key"], name="identity_ownrole_key_once"),
            models.UniqueConstraint(fields=["tenant", "name"], name="identity_ownrole_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Grant(TenantModel):
    """What a member, an invitation and a key have in common: a role, and the branches of the plant it is for."""

    role = models.CharField(_("role"), max_length=20, default=Role.VIEWER)
    branches = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    """Paths of assets, ``/3/17/``; none for the whole company. ``branches.rewrite_branches`` follows a move."""

    class Meta(TenantModel.Meta):
        abstract = True


class Membership(Grant):
    """A person's place in one company."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    deactivated_at = models.DateTimeField(null=True, blank=True)
    """May not come in any more; what the person did stays named."""

    class Meta(Grant.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="identity_membership_once")]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class Invitation(Grant):
    """Links by which somebody joins a company. Only their SHA-256 is kept; they serve once, for seven days."""

    email = models.EmailField(_("e-mail"))
    digest = models.CharField(max_length=64, unique=True)
    """Of the link that the inviter sees: whoever opens it need not own the address."""
    mail_digest = models.CharField(max_length=64, unique=True, null=True, blank=True)
    """Of the link that went to the address, and nowhere else."""
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta(Grant.Meta):
        verbose_name = _("invitation")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.email} ({self.role})"


class ApiKey(Grant):
    """A key for programs. Only its SHA-256 is kept; the key itself is shown once.

    A slow hash would add nothing to 256 random bits.
    """

    name = models.CharField(_("name"), max_length=120)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    permissions = ArrayField(models.CharField(max_length=60), null=True, blank=True)
    """Those of its role that the key has; None for all of them."""
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    replaces = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    """The key that this one took over from; both serve until the older expires."""
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta(Grant.Meta):
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class Ending(models.TextChoices):
    """How a partner's access ended before its time."""

    TAKEN_BACK = "taken_back", pgettext_lazy("access", "taken back")
    REPLACED = "replaced", pgettext_lazy("access", "another one took its place")
    NO_PARTNER = "no_partner", pgettext_lazy("access", "the company is no partner any more")


class PartnerGrant(Grant):
    """What a partner's people may do at this company, and until when (decision 0011)."""

    partner = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    partner_name = models.CharField(_("partner"), max_length=120)
    """As it was when it was granted: the partner's own row lies behind its wall."""
    reason = models.CharField(_("what for"), max_length=200, blank=True)
    granted_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("until"))
    revoked_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    """When what its people had set up was stopped (belongings)."""
    ending = models.CharField(_("how it ended"), max_length=12, blank=True, choices=Ending.choices)
    """Nothing while it serves, and where its time was over."""

    class Meta(Grant.Meta):
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "partner"],
                condition=models.Q(revoked_at=None),
                name="identity_partnergrant_once",
            )
        ]
        indexes = [models.Index(fields=["partner", "tenant"], name="identity_partnergrant_of")]

    def __str__(self) -> str:
        return f"{self.partner_name} ({self.role})"


class Impersonation(TenantModel):
    """Somebody of the operator who sees this company as one of its members does, for half an hour."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    """Of the operator."""
    member = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="+")
    on_behalf = models.CharField(max_length=160)
    """The member's e-mail."""
    reason = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.user_id} as {self.on_behalf}"


class KeptAnswer(TenantModel):
    """The answer to a request that came with an Idempotency-Key, sealed: it may hold a key or a password."""

    digest = models.CharField(max_length=64)
    """SHA-256 of the caller and the key that it chose."""
    request = models.CharField(max_length=64)
    """SHA-256 of address and body."""
    status = models.PositiveSmallIntegerField()
    content_type = models.CharField(max_length=120)
    body = models.TextField()
    created_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "digest"], name="identity_keptanswer_once")]
        indexes = [models.Index(fields=["tenant", "created_at"], name="identity_keptanswer_age")]

    def __str__(self) -> str:
        return self.digest[:8]
