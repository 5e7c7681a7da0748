"""Forgeline's REST API as an integrator sees it: JSON in and out, pages followed, patience while it is away.

Not here: what is asked of it (seeding).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

log = logging.getLogger("demoplant.rest")

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
_LATER = frozenset({408, 425, 429, 502, 503, 504})
_FAULTS_BORNE = 5
"""So often is a request repeated that Forgeline answers with 500: a fault of the moment passes, a real one stays."""


class RestError(Exception):
    """Forgeline refused a request; trying the same again cannot help."""

    def __init__(self, status: int, key: str, message: str) -> None:
        super().__init__(f"{message} ({status} {key})")
        self.status = status
        self.key = key


class Forgeline:
    """A client with an API key. While Forgeline cannot answer it tries again, with longer and longer pauses."""

    def __init__(self, url: str, api_key: str, language: str = "en") -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{url}/api/v1",
            headers={
                "Authorization": f"Bearer {api_key}",
                "Accept": "application/json",
                "Accept-Language": language,
            },
            timeout=httpx.Timeout(30.0, connect=5.0),
            trust_env=False,
        )
        self._away = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, path: str, **query: Any) -> Any:
        """Return what stands at ``path``."""
        return await self._ask("GET", path, params=query)

    async def post(self, path: str, body: Any) -> Any:
        """Create, or hand over samples."""
        return await self._ask("POST", path, json=body)

    async def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Change what stands at ``path``."""
        return await self._ask("PATCH", path, json=body)

    async def list_all(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Return every row of a list, page by page."""
        rows: list[dict[str, Any]] = []
        answer = await self.get(path, **query)
        while True:
            if isinstance(answer, list):
                return rows + answer
            rows += answer["results"]
            if not answer.get("next"):
                return rows
            answer = await self._ask("GET", answer["next"])

    async def _ask(self, method: str, path: str, **options: Any) -> Any:
        pause = FIRST_PAUSE_S
        faults = 0
        while True:
            try:
                answer = await self._http.request(method, path, **options)
            except httpx.TransportError as error:
                self._told_away(str(error) or type(error).__name__)
            else:
                is_fault = answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR
                faults += is_fault
                if answer.status_code not in _LATER and not (is_fault and faults <= _FAULTS_BORNE):
                    if self._away:
                        log.info("Forgeline answers again")
                        self._away = False
                    return _read(answer)
                self._told_away(f"status {answer.status_code}")
                asked = answer.headers.get("Retry-After", "")
                pause = max(pause, float(asked)) if asked.isdecimal() else pause
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _told_away(self, why: str) -> None:
        if not self._away:
            log.info("Forgeline does not answer (%s); trying until it does", why)
            self._away = True


def _read(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json() if answer.content else None
    try:
        body = answer.json()
    except ValueError:
        body = {}
    detail = body.get("detail") or body.get("title") or answer.reason_phrase
    if body.get("data"):
        detail = f"{detail} {body['data']}"
    raise RestError(answer.status_code, str(body.get("key", "")), str(detail))
