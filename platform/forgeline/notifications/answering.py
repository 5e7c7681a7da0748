"""Answer by the link in a message: what it is about, and the deed. Not here: the page (web), the token (links)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from forgeline.base.errors import ConflictError
from forgeline.notifications import services
from forgeline.notifications.directory import Directory
from forgeline.notifications.links import LinkError, read_token
from forgeline.notifications.message import text_in
from forgeline.notifications.models import Delivery
from forgeline.notifications.providers import find_answer
from forgeline.tenancy.scoping import tenant_scope


@dataclass(frozen=True, slots=True)
class Question:
    """What a link is about, and for whom."""

    tenant_id: int
    subject: str
    title: str
    body: str
    priority: str
    place: str
    happened_at: str
    path: str
    language: str
    user_id: int | None
    """Whom the message went to; None for a group."""
    name: str
    settled_at: datetime | None
    settled_by: str

    @property
    def is_settled(self) -> bool:
        return self.settled_at is not None


def read_question(token: str, language: str = "") -> Question:
    """Return what a link is about, in the language of the message or another.

    **Raises** LinkError for one that is forged, expired, or of a delivery, a member or a company that is gone.
    """
    ticket = read_token(token)
    with tenant_scope(ticket.tenant_id):
        row = Delivery.objects.filter(pk=ticket.delivery_id).select_related("notice", "channel").first()
        if row is None or row.notice is None:
            raise LinkError(is_expired=True)
        directory = Directory()
        user_id = None
        if row.channel_id is None:
            # Who has left the company answers nothing more.
            if row.user_id is None or row.user_id not in directory.people:
                raise LinkError(is_expired=True)
            user_id = row.user_id
        notice, language = row.notice, language or row.language
        zone = directory.zone_of(notice.site_id)
        place = directory.places.get(notice.site_id) if notice.site_id is not None else None
        return Question(
            tenant_id=ticket.tenant_id, subject=notice.subject, title=text_in(notice.title, language),
            body=text_in(notice.body, language), priority=notice.priority,
            place=place.title_in(language) if place else "",
            happened_at=f"{notice.happened_at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S} ({zone})",
            path=notice.path, language=language, user_id=user_id, name=row.to_name,
            settled_at=notice.settled_at, settled_by=notice.settled_by,
        )  # fmt: skip


def answer(token: str, *, user_id: int | None, name: str, language: str = "") -> Question:
    """Answer in the name of a person; returns the question as it stands then. Answered before, it changes nothing.

    **Raises** LinkError; ConflictError where nothing answers such subjects by a link; what the owner of the subject
    raises.
    """
    question = read_question(token, language)
    if question.is_settled:
        return question
    deed = find_answer(question.subject)
    if deed is None:
        raise ConflictError(
            _("This cannot be answered by a link; open it in Forgeline."), key="notifications.no_answer"
        )
    with tenant_scope(question.tenant_id):
        deed(question.subject, user_id, name)
        # The owner of the subject may have settled it already; then this changes nothing.
        services.settle(question.subject, by=name)
    answered = read_question(token, language)
    return answered if answered.is_settled else replace(answered, settled_by=name)
