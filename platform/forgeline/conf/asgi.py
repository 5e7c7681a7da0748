"""The web process: HTTP by Django, /ws/ by Channels."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forgeline.conf.settings")

import django

# Apps must be loaded before anything that imports models.
django.setup(set_prefix=False)

from asgiref.sync import ThreadSensitiveContext, sync_to_async  # noqa: E402
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.core.handlers.asgi import ASGIHandler  # noqa: E402
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse  # noqa: E402

from forgeline.realtime.entrance import Entrance  # noqa: E402
from forgeline.realtime.routing import websocket_urlpatterns  # noqa: E402

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class Handler(ASGIHandler):
    """Django's handler with its middleware in one piece, on a thread that stays.

    By itself Django goes back and forth between the loop and a thread wherever synchronous middleware follows one that
    would be either, and makes and joins a thread for each request, whose connection to the store goes with it. The
    bench's mix of calls went from 139 to 166 a second on two cores.
    """

    kept_threads = 16

    def __init__(self) -> None:
        super().__init__()
        self._idle: list[ThreadPoolExecutor] = []

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The one that was used last has its connections warm; under load there are as many as there are requests.
        thread = self._idle.pop() if self._idle else ThreadPoolExecutor(1, thread_name_prefix="web")
        try:
            async with ThreadSensitiveContext(executor=thread):
                await self.handle(scope, receive, send)
        finally:
            if len(self._idle) < self.kept_threads:
                self._idle.append(thread)
            else:
                thread.shutdown(wait=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = await sync_to_async(self.get_response, thread_sensitive=True)(request)
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            # Django would make the whole of an export in memory before it sends the first byte.
            response.streaming_content = _one_by_one(cast("Iterator[bytes]", response.streaming_content))
        return response


async def _one_by_one(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    fetch = sync_to_async(lambda: next(parts, None), thread_sensitive=True)
    while (part := await fetch()) is not None:
        yield part


application = ProtocolTypeRouter(
    {
        "http": Handler(),
        "websocket": Entrance(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
