"""The ID token: its signature, for whom it is, by whom, until when, and for which sign-in. Always checked.

Source: OpenID Connect Core 1.0, 3.1.3.7.
"""

from __future__ import annotations

from typing import Any

import jwt
from allauth.socialaccount.providers.oauth2.client import OAuth2Error

from forgeline.sso.outbound import GuardedSession

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Signatures of a key pair. None by a shared secret, and never "none"."""
LEEWAY_S = 60


def read_id_token(token: str, *, keys_url: str, issuer: str, client_id: str) -> dict[str, Any]:
    """Return the claims of an ID token. **Raises** OAuth2Error for one that is not meant for us, AwayError."""
    reply = GuardedSession().get(keys_url)
    reply.raise_for_status()
    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise OAuth2Error(f"the ID token is signed by {algorithm}")
        key = _find_key(reply.json(), header.get("kid"), str(algorithm))
        claims: dict[str, Any] = jwt.decode(
            token, key=key.key, algorithms=[str(algorithm)], audience=client_id, issuer=issuer, leeway=LEEWAY_S,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )  # fmt: skip
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise OAuth2Error(f"the ID token does not hold: {type(error).__name__}") from error
    if "azp" in claims and claims["azp"] != client_id:
        raise OAuth2Error("the ID token was made for another client")
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and "azp" not in claims:
        raise OAuth2Error("the ID token is for several clients and does not say which")
    return claims


def _find_key(found: dict[str, Any], key_id: object, algorithm: str) -> jwt.PyJWK:
    kind = {"R": "RSA", "P": "RSA", "E": "OKP" if algorithm == "EdDSA" else "EC"}[algorithm[0]]
    fitting = [
        key for key in found.get("keys", []) if key.get("kty") == kind and key.get("use") in (None, "sig")
        and key.get("alg") in (None, algorithm) and (key_id is None or key.get("kid") == key_id)
    ]  # fmt: skip
    if len(fitting) != 1:
        raise OAuth2Error("the key of the ID token is not among the provider's")
    return jwt.PyJWK(fitting[0], algorithm)
