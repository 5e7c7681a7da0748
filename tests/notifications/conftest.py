"""A real mail server and a real web server that write down what comes, and messages to send."""

from __future__ import annotations

import email
import email.policy
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from forgeline.embedded.service import free_port
from forgeline.notifications import providers
from forgeline.notifications.message import Message
from forgeline.notifications.models import Channel, Route, RouteStep
from forgeline.notifications.secrets import seal
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company


@dataclass
class Mailbox:
    """What a mail server has taken, and what it is to say."""

    letters: list[EmailMessage] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    """Answers to the next messages, before all others are taken."""
    refused: set[str] = field(default_factory=set)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 no such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.says:
            return self.says.pop(0)
        letter = email.message_from_bytes(envelope.content or b"", policy=email.policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 taken"

    def to(self, address: str) -> list[EmailMessage]:
        return [letter for letter in self.letters if letter["To"] == address]


def text_of(letter: EmailMessage) -> str:
    """Return the plain text of a letter."""
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    """A mail server on a free port, to which Django's settings point."""
    box = Mailbox()
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    yield box
    controller.stop()


@dataclass(frozen=True)
class Call:
    """One request that the group's robot got."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


@dataclass
class Robot:
    """A web server in place of a group's robot."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    answers: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)
    """What it says next; afterwards 200 ``{"errcode": 0, "code": 0}``."""


@pytest.fixture
def robot(settings: Any) -> Iterator[Robot]:
    """A robot on loopback, which the setting allows."""
    found = Robot()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            found.calls.append(Call(self.path, dict(self.headers), raw))
            status, body, headers = (
                found.answers.pop(0) if found.answers else (200, b'{"errcode": 0, "code": 0}', {})
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}/hook?access_token=SesameHook"
    settings.NOTIFICATIONS = settings.NOTIFICATIONS | {
        "ALLOW_PRIVATE": True,
        "PUBLIC_URL": "https://plant.example",
    }
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _providers() -> Iterator[None]:
    """What conf has handed in is put back after each test."""
    kept, answers = dict(providers._providers), dict(providers._ANSWERS)
    yield
    providers._providers.clear()
    providers._providers.update(kept)
    providers._ANSWERS.clear()
    providers._ANSWERS.update(answers)


def make_message(**changed: Any) -> Message:
    """An alarm of high priority that needs an answer."""
    facts: dict[str, Any] = {
        "subject": "trial:42", "kind": "trial.raised", "priority": "high", "site_id": None,
        "title": {"en": "Press 1 is too hot", "zh-hans": "1号冲床温度过高"},
        "body": {"en": "81.5 °C, limit 80 °C", "zh-hans": "81.5 °C，限值 80 °C"}, "path": "/alarms/42/",
        "happened_at": datetime(2026, 3, 2, 8, 30, tzinfo=UTC), "needs_answer": True,
    }  # fmt: skip
    return Message(**(facts | changed))


Step = tuple[int, Any]


def make_route(company: Company, *steps: Step, **changed: Any) -> Route:
    """A route whose steps are (minutes, person | roster | channel)."""
    with tenant_scope(company.tenant_id):
        route = Route.objects.create(**({"name": "all", "repeat_minutes": 0} | changed))
        for position, (after, target) in enumerate(steps):
            kind = {"User": "user", "Roster": "roster", "Channel": "channel"}[type(target).__name__]
            RouteStep.objects.create(route=route, position=position, after_minutes=after, **{kind: target})
        return route


def make_channel(company: Company, url: str, **changed: Any) -> Channel:
    """A robot at an address."""
    facts = {
        "name": "group",
        "kind": "dingtalk",
        "hint": "robot",
        "secret_sealed": seal(changed.pop("secret", "")),
    }
    with tenant_scope(company.tenant_id):
        return Channel.objects.create(address_sealed=seal(url), **(facts | changed))


@dataclass
class Clock:
    """The time, moved by hand."""

    at: datetime

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """``work(company, at)`` works off the outbox as if it were ``at``."""
    from forgeline.notifications import outbox

    def _work(company: Company, at: datetime) -> int:
        return outbox.work(company.tenant_id, now=Clock(at))

    return _work
