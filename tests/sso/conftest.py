"""Two companies, each with a provider of its own, and a person with a browser who signs in there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from django.test import Client

from forgeline.embedded.service import free_port
from forgeline.identity.models import User
from forgeline.identity.policy import Actor, permissions_of
from forgeline.sso import services
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.identity.conftest import Letterbox, _own_corner, letterbox
from tests.services.requirement import skip_or_fail
from tests.sso import foreign

__all__ = ["Letterbox", "_own_corner", "letterbox"]


@pytest.fixture(scope="session")
def _providers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[foreign.Foreign]:
    folder, reason = foreign.install()
    skip_or_fail("foreign_oidc", reason)
    assert folder is not None
    back = [f"http://testserver/sign-in/company/{slug}/callback/" for slug in ("alice", "charlie")]
    started = foreign.start(folder, tmp_path_factory.mktemp("oidc"), [free_port(), free_port()], back)
    yield started
    started.stop()


@pytest.fixture
def providers(_providers: foreign.Foreign, settings: Any) -> foreign.Foreign:
    """A provider for each company; they live on loopback, which the installation has to allow."""
    settings.NOTIFICATIONS = {**settings.NOTIFICATIONS, "ALLOW_PRIVATE": True}
    _providers.set_accounts({}, {})
    return _providers


def owner_of(company: Company) -> Actor:
    return Actor(
        company.tenant_id,
        "owner",
        user_id=company.manager.pk,
        label="Owner",
        permissions=permissions_of("owner"),
    )


def set_up(company: Company, issuer: str, domain: str, **named: Any) -> None:
    """Have a company sign in by a provider."""
    with tenant_scope(company.tenant_id):
        services.save_provider(
            discovery_url=issuer, client_id=foreign.CLIENT_ID, secret=foreign.SECRET, domains=[domain],
            actor=owner_of(company), **named,
        )  # fmt: skip


@dataclass
class Visitor:
    """A person before a browser: a jar of cookies for us, one for the provider."""

    client: Client
    elsewhere: httpx.Client

    def to_provider(self, slug: str, then: str = "") -> str:
        """Begin; returns the address at the provider."""
        answer = self.client.get(f"/sign-in/company/{slug}/", {"next": then} if then else {})
        assert answer.status_code == 302, answer.content
        return str(answer["Location"])

    def at_provider(self, address: str, account: str) -> str:
        """Sign in there, or cancel for ''; returns the address to which the provider sends back."""
        while not address.startswith("http://testserver/"):
            answer = self.elsewhere.get(address)
            if answer.status_code == 200:
                assert "<form" in answer.text, answer.text
                given = {"account": account} if account else {"cancel": "1"}
                answer = self.elsewhere.post(address, data=given)
            assert answer.status_code in {302, 303}, answer.text
            address = urljoin(address, answer.headers["Location"])
        return address

    def back(self, address: str) -> Any:
        parts = urlsplit(address)
        return self.client.get(f"{parts.path}?{parts.query}")

    def sign_in(self, slug: str, account: str, then: str = "") -> Any:
        return self.back(self.at_provider(self.to_provider(slug, then), account))


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with httpx.Client(trust_env=False, timeout=20) as elsewhere:
        yield Visitor(Client(), elsewhere)


def words_of(answer: Any) -> str:
    """What a page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def user_of(email: str) -> User:
    return User.objects.get(email=email)
