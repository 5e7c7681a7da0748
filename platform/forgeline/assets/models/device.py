"""Device and DeviceCredential: what speaks, and how the platform's own broker knows it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.assets.models.naming import words_of
from forgeline.assets.models.place import Asset
from forgeline.tenancy.models import TenantModel


class Device(TenantModel):
    """Something that sends values: a gateway, a meter, a controller. Belongs to a machine, or to none yet."""

    asset = models.ForeignKey(Asset, on_delete=models.SET_NULL, null=True, blank=True, related_name="devices")
    name = models.CharField(_("name"), max_length=120)
    key = models.CharField(_("key"), max_length=160)
    """How its source names it: the part of the topic, the serial number."""
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    words = words_of("name", "key")

    class Meta(TenantModel.Meta):
        verbose_name = _("device")
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="assets_device_key_once")]
        # The orders in which a program goes through a hundred thousand of them; that by key has its constraint.
        indexes = [
            models.Index(fields=["tenant", "id"], name="assets_device_in_order"),
            models.Index(fields=["tenant", "name", "id"], name="assets_device_by_name"),
            models.Index(fields=["tenant", "created_at", "id"], name="assets_device_by_age"),
        ]

    def __str__(self) -> str:
        return self.name


class DeviceCredential(TenantModel):
    """User and password hash of one device at the platform's own broker; it may publish under ``t/<username>/`` only.

    ``password_hash`` is mosquitto's ``$7$iterations$salt$hash`` (PBKDF2-SHA512); the password is shown once.
    """

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="credentials")
    username = models.CharField(max_length=64, unique=True)
    password_hash = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("device credential")

    def __str__(self) -> str:
        return self.username
