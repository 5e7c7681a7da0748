"""The web process: HTTP by Django, /ws/ by Channels."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import lru_cache, partial
from typing import IO, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forgeline.conf.settings")

import django

# Apps must be loaded before anything that imports models.
django.setup(set_prefix=False)

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.core import signals  # noqa: E402
from django.core.exceptions import RequestAborted  # noqa: E402
from django.core.handlers.asgi import ASGIHandler, get_script_prefix  # noqa: E402
from django.http import FileResponse  # noqa: E402
from django.http.response import HttpResponseBase  # noqa: E402
from django.urls import ResolverMatch, get_resolver, set_script_prefix  # noqa: E402

from forgeline.realtime.entrance import Entrance  # noqa: E402
from forgeline.realtime.routing import websocket_urlpatterns  # noqa: E402

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Turn = Callable[..., Awaitable[Any]]


class Handler(ASGIHandler):
    """Django's handler with a request in one piece: from the loop to a thread that stays, and back with the answer.

    By itself Django crosses over for each signal, for the middleware and to close, starts two tasks and a thread, whose
    connection to the store goes with it (decision 0017).
    """

    kept_threads = 16

    def resolve_request(self, request: Any) -> ResolverMatch:
        """Find the view of an address; Django goes through every module's list for it, at each call anew."""
        request.resolver_match = found = _find_view(request.path_info)
        return found

    def __init__(self) -> None:
        super().__init__()
        self._idle: list[ThreadPoolExecutor] = []

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        # The one that was used last has its connections warm; under load there are as many as there are requests.
        thread = self._idle.pop() if self._idle else ThreadPoolExecutor(1, thread_name_prefix="web")
        # What a request sets (tenant, language) ends with it, not with its thread.
        turn: Turn = partial(asyncio.get_running_loop().run_in_executor, thread, copy_context().run)  # type: ignore[arg-type]
        try:
            response: HttpResponseBase = await turn(self._answer, scope, body)
            if response.streaming:
                await self._stream(response, receive, send, turn)
            else:
                await self.send_response(response, send)
        finally:
            if len(self._idle) < self.kept_threads:
                self._idle.append(thread)
            else:
                thread.shutdown(wait=False)

    def _answer(self, scope: Scope, body: IO[bytes]) -> HttpResponseBase:
        """Return the answer; closed, unless its parts are still to be made."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        request, refusal = self.create_request(scope, body)
        response: Any = refusal if request is None else self.get_response(request)
        response._handler_class = type(self)
        if request is None:
            body.close()
        if not response.streaming:
            response.close()
        return response

    async def _stream(self, response: Any, receive: Receive, send: Send, turn: Turn) -> None:
        """Send the parts of an answer while they are made, as long as somebody reads them."""
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if not response.is_async:
            # Django would make the whole of an export in memory before it sends the first byte.
            response.streaming_content = _one_by_one(response.streaming_content, turn)
        sending = asyncio.ensure_future(self.send_response(response, send))
        # After the body nothing comes but the end of the connection.
        leaving = asyncio.ensure_future(receive())
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            # In the same thread, so behind the part that is being made.
            await turn(response.close)


@lru_cache(maxsize=4096)
def _find_view(address: str) -> ResolverMatch:
    return get_resolver().resolve(address)


async def _one_by_one(parts: Iterator[bytes], turn: Turn) -> AsyncIterator[bytes]:
    while (part := await turn(next, parts, None)) is not None:
        yield part


application = ProtocolTypeRouter(
    {
        "http": Handler(),
        "websocket": Entrance(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)

# What was loaded lives as long as the process: it need not be looked through again, nor every 700 objects what comes.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 100)
