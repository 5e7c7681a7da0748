"""The web process's way from the loop to a view and back: one thread that stays, answers sent as they are made."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

from forgeline.conf.asgi import Handler

MADE: list[int] = []


def _parts() -> Iterator[bytes]:
    for number in range(1000):
        MADE.append(number)
        yield b"x" * 1000


def stream(_request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(_parts())


def thread(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(threading.get_ident()))


def file(_request: HttpRequest) -> FileResponse:
    return FileResponse(open(__file__, "rb"))


urlpatterns = [path("stream/", stream), path("thread/", thread), path("file/", file)]


@pytest.fixture
def handler(settings: Any) -> Handler:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = [
        "django.middleware.security.SecurityMiddleware", "whitenoise.middleware.WhiteNoiseMiddleware",
        "django_htmx.middleware.HtmxMiddleware",
    ]  # fmt: skip
    settings.ALLOWED_HOSTS = ["*"]
    settings.SECURE_SSL_REDIRECT = False
    MADE.clear()
    return Handler()


def _ask(handler: Handler, address: str) -> ApplicationCommunicator:
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": address, "raw_path": address.encode(),
        "query_string": b"", "headers": [(b"host", b"forgeline.test")], "scheme": "http",
        "server": ("forgeline.test", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    return ApplicationCommunicator(handler, scope)


async def _read(handler: Handler, address: str) -> bytes:
    asked = _ask(handler, address)
    await asked.send_input({"type": "http.request", "body": b""})
    assert (await asked.receive_output(5))["status"] == 200
    body = b""
    while True:
        part = await asked.receive_output(5)
        body += part.get("body", b"")
        if not part.get("more_body"):
            break
    await asked.wait(5)
    return body


@pytest.mark.filterwarnings("error:StreamingHttpResponse must consume:Warning")
def test_an_answer_is_sent_while_it_is_made_and_given_up_with_its_reader(handler: Handler) -> None:
    async def work() -> None:
        asked = _ask(handler, "/stream/")
        await asked.send_input({"type": "http.request", "body": b""})
        await asked.receive_output(5)
        assert (await asked.receive_output(5))["body"] == b"x" * 1000
        await asked.send_input({"type": "http.disconnect"})
        await asked.wait(5)

    asyncio.run(work())
    assert len(MADE) < 1000
    MADE.clear()
    assert len(asyncio.run(_read(handler, "/stream/"))) == 1_000_000


def test_a_file_comes_whole(handler: Handler) -> None:
    with open(__file__, "rb") as whole:
        assert asyncio.run(_read(handler, "/file/")) == whole.read()


def test_requests_one_after_another_are_served_by_one_thread_and_many_by_many(handler: Handler) -> None:
    async def work() -> tuple[set[bytes], set[bytes]]:
        after = {await _read(handler, "/thread/") for _ in range(5)}
        beside = set(await asyncio.gather(*(_read(handler, "/thread/") for _ in range(40))))
        return after, beside

    after, beside = asyncio.run(work())
    assert len(after) == 1
    assert len(beside) > 1
    assert len(handler._idle) == handler.kept_threads
