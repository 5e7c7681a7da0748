"""A mail server for letters, and a corner of its own for each test's counters of tries.

These live in the cache that all workers of a run share.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.core.cache import caches

from forgeline.embedded.service import free_port
from tests.conftest import Company, name_kind


@pytest.fixture(autouse=True)
def _own_corner(django_db_setup: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches["default"], "key_prefix", f"test-{uuid.uuid4().hex}")


class Letterbox:
    """Takes every letter."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"


@pytest.fixture
def letterbox(db: None, settings: Any) -> Iterator[Letterbox]:
    """A mail server on loopback, and Django pointed at it."""
    box = Letterbox()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    yield box
    server.stop()


@pytest.fixture
def partner(live_stranger: Company) -> Company:
    """Charlie's company makes machines and looks after them."""
    name_kind(live_stranger.tenant_id, "partner")
    return live_stranger
