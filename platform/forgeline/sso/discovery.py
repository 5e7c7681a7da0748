"""What a provider says of itself: read, and judged before anybody relies on it. Not here: its tokens (tokens)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.conf import settings
from django.utils.translation import gettext as _

from forgeline.notifications.sending.address import read_url
from forgeline.notifications.sending.outcome import SendError
from forgeline.notifications.wording import reason_words
from forgeline.sso.outbound import AwayError, GuardedSession
from forgeline.sso.tokens import ALGORITHMS

WELL_KNOWN = "/.well-known/openid-configuration"
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of looking at a provider: ``faults`` keep it from being used, ``warnings`` do not."""

    discovery_url: str
    issuer: str
    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def address_of(typed: str) -> str:
    """Return the address of the discovery document, of which the issuer alone may have been typed."""
    typed = typed.strip()
    return typed if WELL_KNOWN in typed else typed.rstrip("/") + WELL_KNOWN


def read_discovery(url: str) -> dict[str, Any]:
    """Return the discovery document. **Raises** AwayError, OAuth2Error for one that cannot be used."""
    reply = GuardedSession().get(url)
    reply.raise_for_status()
    found = reply.json()
    for name in ("issuer", *ENDPOINTS):
        if not isinstance(found.get(name), str) or not found[name]:
            raise OAuth2Error(f"{name} is missing")
    return found


def look_at(typed: str) -> Findings:
    """Fetch discovery and keys of a provider, and say in words what is wrong with it."""
    url = address_of(typed)
    faults: list[str] = []
    warnings: list[str] = []
    issuer = ""
    try:
        reply = GuardedSession().get(url)
        if reply.status_code != 200:
            faults.append(
                _("%(url)s answers with %(status)d instead of a discovery document. Check the address.")
                % {"url": url, "status": reply.status_code}
            )
        else:
            document = reply.json()
            issuer = str(document.get("issuer", ""))
            _judge(url, document, faults, warnings)
            if not faults:
                _judge_keys(document["jwks_uri"], faults)
    except AwayError as error:
        faults.append(f"{reason_words(error.reason)}: {urlsplit(url).hostname or url}.")
    except OAuth2Error:
        faults.append(
            _("%(url)s is no discovery document of OpenID Connect. Check the address.") % {"url": url}
        )
    return Findings(url, issuer, tuple(faults), tuple(warnings))


def _judge(url: str, document: dict[str, Any], faults: list[str], warnings: list[str]) -> None:
    issuer = document.get("issuer")
    if not isinstance(issuer, str) or address_of(issuer) != url:
        # A document that speaks for somebody else, and those of all customers of a cloud at once ({tenantid}).
        faults.append(
            _("It names %(issuer)s as its issuer, which is not the address that you gave. Enter that issuer.")
            % {"issuer": issuer or "–"}
        )
    for name in ENDPOINTS:
        if not isinstance(document.get(name), str):
            faults.append(_("It names no %(name)s, which signing in needs.") % {"name": name})
            continue
        try:
            read_url(document[name], allow_private=settings.NOTIFICATIONS["ALLOW_PRIVATE"])
        except SendError as error:
            faults.append(f"{name}: {reason_words(error.reason)}.")
    if "code" not in _words(document, "response_types_supported", ["code"]):
        faults.append(_("It does not offer the authorization code flow (response type “code”)."))
    if not ALGORITHMS & set(_words(document, "id_token_signing_alg_values_supported", ["RS256"])):
        faults.append(
            _("It signs its tokens by none of: %(names)s.") % {"names": ", ".join(sorted(ALGORITHMS))}
        )
    methods = _words(document, "token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if not {"client_secret_basic", "client_secret_post"} & set(methods):
        faults.append(_("It takes no client secret at its token endpoint."))
    if "S256" not in _words(document, "code_challenge_methods_supported", []):
        warnings.append(_("It does not say that it supports PKCE (S256); it is sent all the same."))
    if "email" not in _words(document, "scopes_supported", ["email"]):
        warnings.append(
            _("It does not say that it tells e-mail addresses (scope “email”); without one nobody comes in.")
        )


def _judge_keys(url: str, faults: list[str]) -> None:
    reply = GuardedSession().get(url)
    keys = reply.json().get("keys") if reply.status_code == 200 else None
    if not isinstance(keys, list) or not keys:
        faults.append(_("No keys stand at %(url)s, so that its tokens cannot be checked.") % {"url": url})


def _words(document: dict[str, Any], name: str, default: list[str]) -> list[str]:
    found = document.get(name, default)
    return [str(each) for each in found] if isinstance(found, list) else default
