"""Addresses and secrets of channels at rest: encrypted with a key derived from SECRET_KEY.

A robot's address lets anyone who knows it write to the group, so the address is as secret as the secret. After a new
SECRET_KEY they cannot be read, and deliveries say so.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class UnreadableError(Exception):
    """The stored secret was sealed with another key."""


@lru_cache(maxsize=4)
def _box(secret_key: str) -> Fernet:
    digest = hashlib.sha256(b"forgeline.notifications.secrets:" + secret_key.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))


def seal(plain: str) -> str:
    """Return a text as it is stored; '' stays ''."""
    return _box(settings.SECRET_KEY).encrypt(plain.encode()).decode() if plain else ""


def unseal(sealed: str) -> str:
    """Return a text as it was. **Raises** UnreadableError where the key has changed."""
    if not sealed:
        return ""
    try:
        return _box(settings.SECRET_KEY).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise UnreadableError from error
