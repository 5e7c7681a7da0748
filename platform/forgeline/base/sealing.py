"""Keeps secrets at rest: encrypted with keys derived from SECRET_KEY, one a purpose. Not here: what is secret.

A new SECRET_KEY makes what was sealed unreadable; whoever opens it says so.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet
from django.conf import settings


def box(purpose: str) -> Fernet:
    """Return what seals and opens for one purpose, such as ``forgeline.connectors.secrets``."""
    return _box(purpose, settings.SECRET_KEY)


@lru_cache(maxsize=16)
def _box(purpose: str, secret_key: str) -> Fernet:
    digest = hashlib.sha256(f"{purpose}:{secret_key}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
