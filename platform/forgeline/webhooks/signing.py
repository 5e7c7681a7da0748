"""The signature of a delivery, as Standard Webhooks 1.0 has it. Pure.

**Source** https://www.standardwebhooks.com: ``v1,`` + base64 of HMAC-SHA256 over ``id.timestamp.body``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"


def make_secret() -> str:
    """Return a new secret: ``whsec_`` and the base64 of 32 random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(message_id: str, timestamp_s: int, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """Return the three headers; one signature a key, so that a receiver may change keys at leisure."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.new(_bytes(key), signed, hashlib.sha256).digest()).decode()
        for key in keys
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(signatures),
    }


def _bytes(key: str) -> bytes:
    return base64.b64decode(key.removeprefix(PREFIX))
