"""Writes about endpoints: made, changed, given a new secret, tested, replayed to. Not here: sending."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.base.errors import ConflictError, InvalidInputError, NotFoundError
from forgeline.base.sealing import box
from forgeline.identity.policy import Actor, require_permission
from forgeline.notifications.sending.address import resolve
from forgeline.notifications.sending.outcome import SendError
from forgeline.notifications.wording import reason_words
from forgeline.webhooks.catalogue import PING, check_patterns
from forgeline.webhooks.models import Delivery, Endpoint, Event, State
from forgeline.webhooks.sending import OPEN, PURPOSE
from forgeline.webhooks.signing import make_secret

MANAGE = "webhooks.manage"
MOST = 50
OVERLAP = timedelta(hours=24)
MOST_REPLAYED = 10_000


def list_endpoints() -> QuerySet[Endpoint]:
    """Return the endpoints by name."""
    return Endpoint.objects.order_by("name", "pk")


def list_deliveries() -> QuerySet[Delivery]:
    """Return the deliveries with their events and tries, the newest first."""
    return Delivery.objects.select_related("event").prefetch_related("tries").order_by("-id")


def get_endpoint(endpoint_id: int) -> Endpoint:
    """Return an endpoint. **Raises** NotFoundError."""
    found = Endpoint.objects.filter(pk=endpoint_id).first()
    if found is None:
        raise _nothing(endpoint_id)
    return found


def create_endpoint(*, name: str, url: str, events: Sequence[str], actor: Actor) -> tuple[Endpoint, str]:
    """Make an endpoint; returns its row and the secret that signs, which cannot be read again.

    **Raises** InvalidInputError for an address that cannot be told, or leads where this installation does not allow.
    """
    require_permission(actor, MANAGE)
    if Endpoint.objects.count() >= MOST:
        raise ConflictError(
            _("There are %(most)d webhooks; take one away.") % {"most": MOST}, key="webhooks.too_many"
        )
    secret = make_secret()
    row = Endpoint(
        name=_name(name), url=_check_url(url), events=check_patterns(events), secret_sealed=_seal(secret),
        partner_id=actor.partner_id,
    )  # fmt: skip
    return _save(row), secret


def update_endpoint(endpoint_id: int, *, actor: Actor, **changes: Any) -> Endpoint:
    """Change name, address, events or whether it is in use; switched on again it begins anew.

    It belongs to whoever gave the address last; a partner's that somebody of the company switches on is the company's.
    """
    require_permission(actor, MANAGE)
    row = _lock(endpoint_id)
    if "name" in changes:
        row.name = _name(changes["name"])
    if changes.get("url", row.url) != row.url:
        row.url, row.partner_id = _check_url(changes["url"]), actor.partner_id
    elif changes.get("is_enabled") and not row.is_enabled and actor.partner_id is None:
        row.partner_id = None
    if "events" in changes:
        row.events = check_patterns(changes["events"])
    if "is_enabled" in changes:
        row.is_enabled, row.stopped_because = changes["is_enabled"], ""
        row.failing_since = None
        if not row.is_enabled:
            Delivery.objects.filter(endpoint=row, state__in=OPEN).update(state=State.FAILED)
    return _save(row)


def delete_endpoint(endpoint_id: int, *, actor: Actor) -> None:
    """Take an endpoint away, with the log of its deliveries."""
    require_permission(actor, MANAGE)
    _lock(endpoint_id).delete()


def rotate_secret(endpoint_id: int, *, actor: Actor) -> tuple[Endpoint, str]:
    """Give an endpoint a new secret; the former signs beside it for a day."""
    require_permission(actor, MANAGE)
    row = _lock(endpoint_id)
    secret = make_secret()
    row.former_sealed, row.former_until = row.secret_sealed, clock.now() + OVERLAP
    row.secret_sealed = _seal(secret)
    return _save(row), secret


def ping(endpoint_id: int, *, actor: Actor) -> Delivery:
    """Put a test event in the way of one endpoint, whatever events it wants."""
    require_permission(actor, MANAGE)
    row = _lock(endpoint_id)
    _require_enabled(row)
    now = clock.now()
    event = Event.objects.create(
        type=PING, subject=f"{PING}:{row.pk}", data={"endpoint": row.name, "by": actor.label}, happened_at=now
    )
    return Delivery.objects.create(
        endpoint=row, event=event, subject=event.subject, created_at=now, due_at=now, is_replay=False
    )


def replay(
    endpoint_id: int,
    *,
    actor: Actor,
    delivery_ids: Sequence[int] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Tell events once more, under the ids that they had: some deliveries, or all of a span; returns how many.

    **Time**: aware, half-open [since, until). **Raises** InvalidInputError for neither, or for more than 10,000.
    """
    require_permission(actor, MANAGE)
    row = _lock(endpoint_id)
    _require_enabled(row)
    rows = Delivery.objects.filter(endpoint=row).exclude(state__in=OPEN)
    if delivery_ids:
        unknown = set(delivery_ids) - set(
            Delivery.objects.filter(endpoint=row, pk__in=list(delivery_ids)).values_list("pk", flat=True)
        )
        if unknown:
            sentence = _("This webhook has no such delivery: %(numbers)s.") % {
                "numbers": ", ".join(str(number) for number in sorted(unknown)[:5])
            }
            raise InvalidInputError.at("deliveries", sentence)
        rows = rows.filter(pk__in=list(delivery_ids))
    elif since is not None:
        if until is not None and until <= since:
            sentence = _("The end lies before the beginning.")
            raise InvalidInputError.at("until", sentence)
        rows = rows.filter(event__happened_at__gte=since)
        if until is not None:
            rows = rows.filter(event__happened_at__lt=until)
    else:
        raise InvalidInputError(_("Say which deliveries, or since when."))
    found = dict(rows.order_by("event_id").values_list("event_id", "subject")[: MOST_REPLAYED + 1])
    if len(found) > MOST_REPLAYED:
        raise InvalidInputError(
            _("More than %(most)d events; choose a shorter span.") % {"most": MOST_REPLAYED}
        )
    now = clock.now()
    Delivery.objects.bulk_create(
        Delivery(endpoint=row, event_id=event_id, subject=subject, created_at=now, due_at=now, is_replay=True)
        for event_id, subject in found.items()
    )
    return len(found)


def count_waiting() -> int:
    """Return how many deliveries of all companies wait; for the metrics."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM webhooks_list_due(%s)", [clock.now()])
        return int(cursor.fetchone()[0])


def _require_enabled(row: Endpoint) -> None:
    if not row.is_enabled:
        raise ConflictError(_("The webhook is switched off; switch it on first."), key="webhooks.off")


def _check_url(url: str) -> str:
    url = url.strip()
    try:
        resolve(url, allow_private=settings.NOTIFICATIONS["ALLOW_PRIVATE"])
    except SendError as error:
        if error.reason != "host_unknown":
            sentence = reason_words(error.reason)
            raise InvalidInputError.at("url", sentence) from error
    return url


def _name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 120:
        sentence = _("Give it a name of at most 120 characters.")
        raise InvalidInputError.at("name", sentence)
    return name


def _seal(secret: str) -> str:
    return box(PURPOSE).encrypt(secret.encode()).decode()


def _save(row: Endpoint) -> Endpoint:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise ConflictError(_("There is a webhook with this name."), key="webhooks.taken") from error
    return row


def _lock(endpoint_id: int) -> Endpoint:
    row = Endpoint.objects.select_for_update().filter(pk=endpoint_id).first()
    if row is None:
        raise _nothing(endpoint_id)
    return row


def _nothing(endpoint_id: int) -> NotFoundError:
    return NotFoundError(_("There is nothing here that you may see."), data={"id": endpoint_id})
