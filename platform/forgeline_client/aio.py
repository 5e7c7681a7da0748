"""The client for asyncio: requests with patience, and pages followed. Tables and sockets are with the plain client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from forgeline_client.connecting import Asking, Presence, read, settings_of
from forgeline_client.retries import Patience, headers_of


class AsyncClient:
    """``async with AsyncClient("https://forgeline.example.com", "fl_…") as client: await client.get("/me/")``"""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        language: str = "en",
        patience: Patience | None = None,
        verify: Any = True,
    ) -> None:
        self._http = httpx.AsyncClient(**settings_of(url, key, language), verify=verify)
        self._patience = patience or Patience()
        self._presence = Presence()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, path: str, **query: Any) -> Any:
        """Return what stands at ``path``, beneath ``/api/v1``; a file as its bytes, CSV as text."""
        return await self.ask("GET", path, params=query)

    async def post(self, path: str, body: Any = None, *, headers: dict[str, str] | None = None) -> Any:
        """Create, or do; asked again it is done once."""
        return await self.ask("POST", path, json=body, headers=headers)

    async def patch(
        self, path: str, body: Mapping[str, Any], *, headers: dict[str, str] | None = None
    ) -> Any:
        """Change what stands at ``path``."""
        return await self.ask("PATCH", path, json=body, headers=headers)

    async def put(self, path: str, body: Any, *, headers: dict[str, str] | None = None, **query: Any) -> Any:
        """Put something in the place of what stands at ``path``; bytes are sent as they are, a part of an upload."""
        sent: dict[str, Any] = {"json": body}
        if isinstance(body, bytes):
            sent = {"content": body}
            headers = {"Content-Type": "application/octet-stream", **(headers or {})}
        return await self.ask("PUT", path, params=query, headers=headers, **sent)

    async def delete(self, path: str, *, headers: dict[str, str] | None = None, **query: Any) -> Any:
        """Take away what stands at ``path``; ``headers={"If-Match": etag}`` only where nobody changed it."""
        return await self.ask("DELETE", path, params=query, headers=headers)

    async def iterate(self, path: str, **query: Any) -> AsyncIterator[dict[str, Any]]:
        """Yield every row of a list, page by page."""
        answer = await self.get(path, **query)
        while True:
            for row in answer if isinstance(answer, list) else answer["results"]:
                yield row
            if isinstance(answer, list) or not answer.get("next"):
                return
            answer = await self.ask("GET", answer["next"])

    async def list_all(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Return every row of a list."""
        return [row async for row in self.iterate(path, **query)]

    async def ask(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any
    ) -> Any:
        """Send a request until it is answered. **Raises** ApiError, UnavailableError."""
        asking = Asking(self._patience, self._presence)
        headers = headers_of(method, path, headers)
        while True:
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = await self._http.request(method, path, headers=headers, **options)
            except httpx.TransportError as error:
                outcome = error
            pause = asking.pause_after(outcome)
            if pause is None:
                assert isinstance(outcome, httpx.Response)
                return read(outcome)
            await asyncio.sleep(pause)
