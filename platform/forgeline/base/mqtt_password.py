"""Passwords as mosquitto keeps them: ``$7$iterations$salt$hash`` (PBKDF2-SHA512). Pure."""

from __future__ import annotations

import base64
import hashlib
import secrets

_ITERATIONS = 101
"""mosquitto_passwd's own default. Device passwords are random: a slower hash would protect nothing more."""


def hash_password(password: str) -> str:
    """Return the hash of a password under a new salt."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def verify_password(password: str, stored: str) -> bool:
    """Say whether a stored hash belongs to a password; False for anything that is no such hash."""
    parts = stored.split("$")
    if len(parts) != 5 or parts[1] != "7" or not parts[2].isdigit():
        return False
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(parts[3]), int(parts[2]))
    return secrets.compare_digest(made, base64.b64decode(parts[4]))
