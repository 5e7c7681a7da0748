"""The address of a live socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from forgeline.realtime import consumers
from tests.conftest import Company
from tests.realtime.sockets import running_server


@pytest.fixture
def address(live_company: Company, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[str]:
    """The web server, in this process, that asks again five times a second."""
    monkeypatch.setattr(consumers, "ASKED_AGAIN_S", 0.2)
    settings.ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
    with running_server() as port:
        yield f"ws://127.0.0.1:{port}/ws/live/"
