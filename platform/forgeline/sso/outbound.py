"""How the provider is spoken to: allauth's way of asking, over the house's guarded client. Not here: what is asked.

Private addresses are refused unless the installation allows them; no redirect is followed; seconds, not minutes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.conf import settings
from requests import RequestException
from requests.auth import HTTPBasicAuth

from forgeline.notifications.sending.http import MAX_ANSWER, ask
from forgeline.notifications.sending.outcome import SendError

TIMEOUT_S = 5.0


class AwayError(RequestException):
    """No answer came; ``reason`` is one of notifications.wording."""

    def __init__(self, error: SendError) -> None:
        super().__init__(str(error))
        self.reason, self.detail = error.reason, error.detail


class Reply:
    """What allauth reads of an answer."""

    def __init__(self, status: int, content: bytes) -> None:
        self.status_code, self.content = status, content
        self.headers = {"content-type": "application/json"}

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    def json(self) -> dict[str, Any]:
        """Return the object that the answer is. **Raises** OAuth2Error for anything else."""
        try:
            found = json.loads(self.content)
        except ValueError as error:
            raise OAuth2Error(
                "too long" if len(self.content) >= MAX_ANSWER else "the answer is no JSON"
            ) from error
        if not isinstance(found, dict):
            raise OAuth2Error("the answer is no JSON object")
        return found

    def raise_for_status(self) -> None:
        if self.status_code != 200:
            raise OAuth2Error(f"the answer is {self.status_code}")


class GuardedSession:
    """Stands where allauth wants a session of requests."""

    def __enter__(self) -> GuardedSession:
        return self

    def __exit__(self, *_exception: object) -> None:
        """Nothing is kept open."""

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Ask for what stands at an address. **Raises** AwayError."""
        return self.request("GET", url, headers=headers)

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: HTTPBasicAuth | None = None,
    ) -> Reply:
        """Ask for an address, or post a form to it. **Raises** AwayError."""
        if params:
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"
        sent = {"Accept": "application/json", **(headers or {})}
        body = None
        if data is not None:
            body = urlencode(data).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        if auth is not None:
            # RFC 6749, 2.3.1: both are form-encoded first.
            pair = f"{quote_plus(str(auth.username))}:{quote_plus(str(auth.password))}"
            sent["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        try:
            answer = ask(
                method, url, body, sent, allow_private=settings.NOTIFICATIONS["ALLOW_PRIVATE"], timeout_s=TIMEOUT_S
            )  # fmt: skip
        except SendError as error:
            raise AwayError(error) from error
        return Reply(answer.status, answer.body)
