"""Writes of channels, and the test message. The address and the secret go in here and never come out again."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import get_language, gettext as _

from forgeline.base import clock
from forgeline.base.errors import InvalidInputError
from forgeline.identity.attempts import take_attempt
from forgeline.identity.policy import Actor
from forgeline.notifications import outbox
from forgeline.notifications.composing import compose
from forgeline.notifications.directory import Directory
from forgeline.notifications.editing.saving import assign, delete, invalid, require_edit, save
from forgeline.notifications.models import Channel, Delivery, Form, State, Via
from forgeline.notifications.queries import get_channel
from forgeline.notifications.secrets import seal
from forgeline.notifications.sending.address import find_owner, is_public, read_url
from forgeline.notifications.sending.outcome import SendError
from forgeline.notifications.wording import reason_words
from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.scoping import released_scope

MAX_ADDRESS = 1000
MAX_SECRET = 300
TESTS = 20
"""Test messages that a company may send in ten minutes."""


def create_channel(*, actor: Actor | None = None, address: str, secret: str = "", **given: Any) -> Channel:
    """Make a channel. **Raises** InvalidInputError by field; ConflictError where the name is taken."""
    require_edit(actor)
    row = Channel(language=(get_language() or "en").lower())
    assign(row, given)
    _put_address(row, address)
    _put_secret(row, secret)
    row.partner_id = actor.partner_id if actor is not None else None
    return save(row)


def update_channel(channel_id: int, *, actor: Actor | None = None, **given: Any) -> Channel:
    """Change a channel; an address or secret that is not given, or is empty, stays as it is.

    It belongs to whoever gave the address last; a partner's that somebody of the company switches on is the company's.
    """
    require_edit(actor)
    row = get_channel(channel_id)
    address, secret = given.pop("address", ""), given.pop("secret", None)
    is_other_kind = given.get("kind", row.kind) != row.kind
    partner_id = actor.partner_id if actor is not None else None
    if address or (given.get("is_enabled") and not row.is_enabled and partner_id is None):
        row.partner_id = partner_id
    if "is_enabled" in given:
        row.stopped_because = row.stopped_because if row.is_enabled == given["is_enabled"] else ""
    assign(row, given)
    if address:
        _put_address(row, address)
    elif is_other_kind:
        raise invalid(address=_("Another kind needs its own address; enter it too."))
    if secret:
        _put_secret(row, secret)
    return save(row)


def delete_channel(channel_id: int, *, actor: Actor | None = None) -> None:
    """Delete a channel; what went through it stays in the log. **Raises** ConflictError where a route needs it."""
    require_edit(actor)
    delete(get_channel(channel_id))


def _put_address(row: Channel, address: str) -> None:
    address = address.strip()
    if not address or len(address) > MAX_ADDRESS:
        raise invalid(address=_("Enter an address of at most %(most)d letters.") % {"most": MAX_ADDRESS})
    row.hint = _check_mailbox(address) if row.kind == Via.EMAIL else _check_url(row.kind, address)
    row.address_sealed = seal(address)


def _put_secret(row: Channel, secret: str) -> None:
    if len(secret) > MAX_SECRET:
        raise invalid(secret=_("Enter a secret of at most %(most)d letters.") % {"most": MAX_SECRET})
    row.secret_sealed = seal(secret.strip())


def _check_mailbox(address: str) -> str:
    try:
        validate_email(address)
    except ValidationError as error:
        raise invalid(address=str(error.messages[0])) from error
    return address[:160]


def _check_url(kind: str, address: str) -> str:
    """Return what may be shown of a web address. Names are resolved when something is sent, not here."""
    allow_private = settings.NOTIFICATIONS["ALLOW_PRIVATE"]
    try:
        parts = read_url(address, allow_private=allow_private)
    except SendError as error:
        raise invalid(address=reason_words(error.reason)) from error
    host = parts.hostname or ""
    if not allow_private and _is_private(host):
        raise invalid(address=reason_words("address_private"))
    owner = find_owner(host)
    if owner and kind not in (owner, Via.WEBHOOK):
        words = {"owner": Via(owner).label, "kind": Via(kind).label}
        raise invalid(
            address=_("This is an address of %(owner)s, not of %(kind)s; choose the other kind.") % words
        )
    return f"{host[:140]} …{address[-4:]}"


def _is_private(host: str) -> bool:
    if host.lower() == "localhost" or host.lower().endswith((".localhost", ".local", ".internal")):
        return True
    try:
        return not is_public(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a test message."""

    is_sent: bool
    sentence: str
    detail: str


def try_channel(channel_id: int, *, actor: Actor | None = None) -> Trial:
    """Send a test message now, once, and say what came of it; it stands in the delivery log too."""
    require_edit(actor)
    channel = get_channel(channel_id)
    if not take_attempt("channel_test", str(require_tenant_id()), most=TESTS, within_s=600):
        raise InvalidInputError(_("Twenty tests in ten minutes are enough; wait a little."))
    at = clock.now()
    row = Delivery.objects.create(
        key=f"test.c{channel.pk}.{clock.to_us(at)}", form=Form.TEST, via=channel.kind, channel=channel,
        to_name=channel.name, language=channel.language, state=State.SENDING, attempts=1,
        created_at=at, due_at=at, claimed_until=at + timedelta(minutes=5),
    )  # fmt: skip
    directory = Directory()
    try:
        job = outbox.Job(row.pk, 1, compose(row, directory), outbox.target_of(row, directory))
    except SendError as error:
        job = outbox.Job(row.pk, 1, fault=error)
    with released_scope():
        (outcome,) = outbox.send_all([job])
    outbox.write_down(outcome, clock.now())
    if outcome.error is None:
        return Trial(True, _("The other side has taken the test message; look whether it arrived."), "")
    return Trial(False, reason_words(outcome.error.reason), outcome.error.detail)
