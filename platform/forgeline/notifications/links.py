"""The link in a message by which its reader answers: signed, for one delivery of one tenant, and for a week only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.http import HttpRequest

from forgeline.base.hosts import is_only_here

VALID_FOR = timedelta(days=7)
_SALT = "forgeline.notifications.answer"


class LinkError(Exception):
    """The link cannot be used; ``is_expired`` tells the one from the forged."""

    def __init__(self, *, is_expired: bool) -> None:
        super().__init__("expired" if is_expired else "forged")
        self.is_expired = is_expired


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a link stands for."""

    tenant_id: int
    delivery_id: int


def make_token(ticket: Ticket) -> str:
    """Return the signed token of a ticket."""
    # Dots instead of colons: programs that find links in plain text cut some at a colon.
    return signing.dumps([ticket.tenant_id, ticket.delivery_id], salt=_SALT).replace(":", ".")


def read_token(token: str) -> Ticket:
    """Return the ticket of a token. **Raises** LinkError for one that is forged, cut off or older than a week."""
    try:
        found = signing.loads(token.replace(".", ":"), salt=_SALT, max_age=VALID_FOR)
    except signing.SignatureExpired as error:
        raise LinkError(is_expired=True) from error
    except signing.BadSignature as error:
        raise LinkError(is_expired=False) from error
    tenant_id, delivery_id = found
    return Ticket(int(tenant_id), int(delivery_id))


def absolute(path: str) -> str:
    """Return an address of ours as people reach it from outside."""
    return f"{settings.NOTIFICATIONS['PUBLIC_URL']}{path}"


def base_for(request: HttpRequest) -> str:
    """Return our address as people reach it: the one that is set, or else the one by which this page was asked for."""
    base = str(settings.NOTIFICATIONS["PUBLIC_URL"])
    here = is_only_here(urlsplit(base).hostname or "")
    return request.build_absolute_uri("/").rstrip("/") if here else base


def answer_path(token: str) -> str:
    """Return the page on which a token is used; web mounts it there."""
    return f"/notifications/answer/{token}/"
