"""The step of a company's first hour that connects its first machine."""

from __future__ import annotations

from django.urls import reverse

from connectors.models import Connection
from forgeline.assets.models import DeviceCredential


def has_source() -> bool:
    """Say whether a device has a password for MQTT, or a connection was made."""
    return DeviceCredential.objects.filter(revoked_at=None).exists() or Connection.objects.exists()


def lead_to_sources() -> str:
    return reverse("connectors:list")
