"""What both clients have in common: addresses, headers, and telling a log once that Forgeline is away."""

from __future__ import annotations

import logging
import random
import time
from datetime import UTC, datetime
from typing import Any

import httpx

from forgeline_client.errors import UnavailableError, error_of
from forgeline_client.retries import Attempts, Patience

log = logging.getLogger("forgeline_client")

TIMEOUT = httpx.Timeout(30.0, connect=5.0)


def settings_of(url: str, key: str, language: str) -> dict[str, Any]:
    """Return how an httpx client is made. **Raises** ValueError for an address that is none."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"url must look like https://forgeline.example.com; it is {url!r}.")
    # One that was read from a file ends with its line; in a header it would be told as a fault of the network.
    key = key.strip()
    if not (key and key.isascii() and key.isprintable()) or " " in key:
        raise ValueError(
            "key must be an API key, such as fl_… (it is empty, or has characters that no key has)."
        )
    return {
        "base_url": f"{url.rstrip('/').removesuffix('/api/v1')}/api/v1",
        "headers": {
            "Authorization": f"Bearer {key}",
            "Accept": "application/json, application/problem+json, text/csv",
            "Accept-Language": language,
            "User-Agent": "forgeline-client/0.1",
        },
        "timeout": TIMEOUT,
        "trust_env": False,
    }


class Presence:
    """Whether Forgeline answers; each change is logged once."""

    def __init__(self) -> None:
        self._is_away = False

    def told_away(self, why: str) -> None:
        if not self._is_away:
            log.info("Forgeline does not answer (%s); trying until it does", why)
            self._is_away = True

    def told_back(self) -> None:
        if self._is_away:
            log.info("Forgeline answers again")
            self._is_away = False


class Asking:
    """One request until it is answered: after each try, ``pause_after`` tells how long to wait, or None for done."""

    def __init__(self, patience: Patience, presence: Presence) -> None:
        self._attempts = Attempts(patience, time.monotonic())
        self._presence = presence

    def pause_after(self, outcome: httpx.Response | httpx.TransportError) -> float | None:
        """**Raises** ApiError for a refusal, UnavailableError when patience is over."""
        if isinstance(outcome, httpx.Response):
            if not self._attempts.may_ask_again(outcome.status_code):
                self._presence.told_back()
                return None
            why, retry_after = f"status {outcome.status_code}", outcome.headers.get("Retry-After", "")
        else:
            why, retry_after = str(outcome) or type(outcome).__name__, ""
        self._presence.told_away(why)
        pause = self._attempts.next_pause(
            time.monotonic(), retry_after=retry_after, today=datetime.now(UTC), chance=random.random()
        )
        if pause is None:
            if isinstance(outcome, httpx.Response) and outcome.status_code == httpx.codes.TOO_MANY_REQUESTS:
                raise error_of(outcome)
            raise UnavailableError(f"Forgeline does not answer ({why}).")
        return pause


def read(answer: httpx.Response) -> Any:
    """Return what an answer holds: JSON as Python has it, text as it is, any other file as its bytes.

    **Raises** ApiError where it is a refusal.
    """
    if not answer.is_success:
        raise error_of(answer)
    if not answer.content:
        return None
    kind = answer.headers.get("Content-Type", "")
    if "json" in kind or not kind:
        return answer.json()
    return answer.text if kind.startswith("text/") else answer.content
