"""Word a delivery as a letter, in its reader's language and by the reader's clock. Not here: how it is sent."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.translation import gettext as _, ngettext

from forgeline.notifications.directory import Directory
from forgeline.notifications.links import Ticket, absolute, answer_path, make_token
from forgeline.notifications.message import PRIORITIES, text_in
from forgeline.notifications.models import Delivery, Form, Notice
from forgeline.notifications.providers import find_answer
from forgeline.notifications.sending.letter import Letter
from forgeline.notifications.wording import PRIORITY_MARKS
from forgeline.tenancy.context import require_tenant_id

INBOX = "/notifications/"
MOST_LINES = 20
"""Messages that a collected letter lists; it tells how many more there are."""


def compose(delivery: Delivery, directory: Directory) -> Letter:
    """Return the letter of a delivery."""
    with translation.override(delivery.language):
        if delivery.form in (Form.DIGEST, Form.SUMMARY):
            return _collected(delivery, directory)
        if delivery.form == Form.TEST:
            return _test(delivery, directory)
        return _single(delivery, directory)


def letter_key(delivery: Delivery) -> str:
    """Return what a receiver sees of a delivery's key: the same for each try, another for each tenant."""
    return f"fl-{require_tenant_id()}-{delivery.pk}"


def _single(delivery: Delivery, directory: Directory) -> Letter:
    notice = delivery.notice
    assert notice is not None
    title = text_in(notice.title, delivery.language)
    lines = [line for line in text_in(notice.body, delivery.language).splitlines() if line.strip()]
    lines.append(_("Time: %(at)s") % {"at": _clock(notice.happened_at, _zone(delivery, notice, directory))})
    place = directory.places.get(notice.site_id) if notice.site_id is not None else None
    if place is not None:
        lines.append(_("Plant: %(plant)s") % {"plant": place.title_in(delivery.language)})
    links = []
    if delivery.form == Form.END:
        headline = _("Done: %(title)s") % {"title": title}
        lines.insert(0, _end(notice))
    else:
        mark = PRIORITY_MARKS[notice.priority]
        headline = _("[%(priority)s] %(title)s") % {"priority": mark, "title": title}
        if notice.settled_at is not None:
            lines.append(_end(notice))
        elif notice.needs_answer and find_answer(notice.subject) is not None:
            token = make_token(Ticket(require_tenant_id(), delivery.pk))
            links.append((_("I take care of it"), absolute(answer_path(token))))
    if notice.path:
        links.append((_("Open in Forgeline"), absolute(notice.path)))
    return Letter(
        key=letter_key(delivery), title=headline, lines=lines, links=links, priority=notice.priority,
        language=delivery.language, thread=f"{require_tenant_id()} {notice.subject}", facts=_facts(delivery, notice),
    )  # fmt: skip


def _end(notice: Notice) -> str:
    if notice.settled_by:
        return _("Answered by %(name)s.") % {"name": notice.settled_by}
    return _("It is over.")


def _collected(delivery: Delivery, directory: Directory) -> Letter:
    """Many messages in one: a person's low ones and what his quiet hours held, or what was over a limit."""
    children = list(delivery.children.select_related("notice").order_by("id"))
    notices = [child.notice for child in children if child.notice is not None]
    words = {"n": len(children)}
    if delivery.form == Form.DIGEST:
        title = ngettext(
            "%(n)d message was collected for you", "%(n)d messages were collected for you", len(children)
        )
    else:
        title = ngettext("%(n)d more message: look here", "%(n)d more messages: look here", len(children))
    lines = []
    if delivery.form == Form.SUMMARY:
        lines.append(_("There were more messages in ten minutes than your limit lets through one by one."))
    counts = Counter(notice.priority for notice in notices)
    shares = [
        _("%(what)s: %(words)s") % {"what": PRIORITY_MARKS[word], "words": counts[word]}
        for word in reversed(PRIORITIES)
        if counts[word]
    ]
    lines.append(" · ".join(shares))
    # The most urgent first: a critical one must not hide behind twenty others.
    ranked = sorted(notices, key=lambda notice: (-PRIORITIES.index(notice.priority), notice.pk))
    lines += [_line(delivery, notice, directory) for notice in ranked[:MOST_LINES]]
    if len(ranked) > MOST_LINES:
        left = len(ranked) - MOST_LINES
        lines.append(ngettext("and %(n)d more", "and %(n)d more", left) % {"n": left})
    return Letter(
        key=letter_key(delivery), title=title % words, lines=lines,
        links=[(_("Look here"), absolute(_place_of(delivery, notices)))], priority=_highest(counts),
        language=delivery.language,
        facts={"form": delivery.form, "count": len(children), "priorities": dict(counts)},
    )  # fmt: skip


def _place_of(delivery: Delivery, notices: list[Notice]) -> str:
    """A person looks at his own messages; a group at the page above them, where they have one in common."""
    tops = {notice.path.split("/")[1] for notice in notices if notice.path}
    return f"/{tops.pop()}/" if delivery.user_id is None and len(tops) == 1 else INBOX


def _line(delivery: Delivery, notice: Notice, directory: Directory) -> str:
    at = _clock(notice.happened_at, _zone(delivery, notice, directory), is_short=True)
    return f"{at} [{PRIORITY_MARKS[notice.priority]}] {text_in(notice.title, delivery.language)}"


def _test(delivery: Delivery, directory: Directory) -> Letter:
    lines = [
        _("If you read this, the channel %(name)s works.") % {"name": delivery.to_name},
        _("Time: %(at)s") % {"at": _clock(delivery.created_at, directory.zone)},
    ]
    return Letter(
        key=letter_key(delivery), title=_("Test message of Forgeline"), lines=lines,
        links=[(_("Open in Forgeline"), absolute("/"))], priority="low", language=delivery.language,
        facts={"form": delivery.form},
    )  # fmt: skip


def _zone(delivery: Delivery, notice: Notice, directory: Directory) -> str:
    """The reader's own zone where he chose one, else the plant's."""
    person = directory.people.get(delivery.user_id) if delivery.user_id is not None else None
    if person is not None and person.wishes.zone != directory.zone:
        return person.wishes.zone
    return directory.zone_of(notice.site_id)


def _clock(at: datetime, zone: str, *, is_short: bool = False) -> str:
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%m-%d %H:%M}" if is_short else f"{local:%Y-%m-%d %H:%M:%S} ({zone})"


def _highest(counts: Counter[str]) -> str:
    return next((word for word in reversed(PRIORITIES) if counts[word]), "low")


def _facts(delivery: Delivery, notice: Notice) -> dict[str, object]:
    return {
        "form": delivery.form, "subject": notice.subject, "kind": notice.kind, "plant": notice.site_id,
        "happened_at": notice.happened_at.isoformat(), "needs_answer": notice.needs_answer,
        "answered_by": notice.settled_by, "path": notice.path, "step": delivery.step or 0, "round": delivery.round,
    }  # fmt: skip
