"""Tell the owners of a company what happened to it as a whole. Not here: what is routed (routes), how it is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.utils import translation

from forgeline.identity.models import Membership, Role
from forgeline.notifications.message import Message
from forgeline.notifications.services import announce


def tell_owners(
    words: Callable[[], tuple[str, str]],
    *,
    subject: str,
    kind: str,
    priority: str,
    path: str,
    happened_at: datetime,
) -> None:
    """Send every owner of the company in force a message, by bell and e-mail, whatever its routes say.

    ``words`` gives title and body in the language in force; it is asked once for each.
    """
    title, body = {}, {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            title[language], body[language] = words()
    owners = Membership.objects.filter(role=Role.OWNER, deactivated_at=None)
    announce(
        Message(
            subject=subject, kind=kind, priority=priority, site_id=None, title=title, body=body, path=path,
            happened_at=happened_at, needs_answer=False,
        ),
        user_ids=list(owners.values_list("user_id", flat=True)),
    )  # fmt: skip
