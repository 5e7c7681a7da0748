"""What the operator announces: written by it, shown on every page to whom it is for, put away by each person.

Not here: messages about machines and money, which go to the people whom a route names (notifications).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import get_language, gettext as _

from forgeline.base import clock
from forgeline.base.errors import InvalidInputError, NotFoundError
from forgeline.entitlements.rights import rights_of
from forgeline.identity.policy import Actor, require_permission
from forgeline.identity.roles import OPERATE
from forgeline.pages.models import Announcement, PutAway, Tone
from forgeline.tenancy.scoping import list_tenant_ids, tenant_scope

CACHE_S = 10.0
"""How long a page may miss a new announcement, and a process does not ask the database."""
LONGEST = 500
_cache: dict[int, tuple[float, list[Shown]]] = {}


@dataclass(frozen=True, slots=True)
class Shown:
    """An announcement as a page shows it."""

    announcement_id: int
    tone: str
    texts: Mapping[str, str]
    from_at: datetime
    to_at: datetime

    @property
    def text(self) -> str:
        """The sentence in the reader's language."""
        return self.texts.get(get_language() or "en") or self.texts.get("en", "")


def list_shown(actor: Actor) -> list[Shown]:
    """Return what is announced to the actor's company now and was not put away by the person; programs see nothing."""
    if actor.user_id is None:
        return []
    now = clock.now()
    due = [each for each in _of_company(actor.tenant_id) if each.from_at <= now < each.to_at]
    if not due:
        return []
    away = PutAway.objects.filter(
        user_id=actor.user_id, announcement_id__in=[each.announcement_id for each in due]
    )
    gone = set(away.values_list("announcement_id", flat=True))
    return [each for each in due if each.announcement_id not in gone]


def put_away(announcement_id: int, *, actor: Actor) -> None:
    """Show an announcement to this person no more. **Raises** NotFoundError for one that is not shown to them."""
    if not any(each.announcement_id == announcement_id for each in list_shown(actor)):
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": announcement_id})
    assert actor.user_id is not None  # programs are shown nothing
    PutAway.objects.get_or_create(user_id=actor.user_id, announcement_id=announcement_id)


def list_announcements(*, actor: Actor) -> QuerySet[Announcement]:
    """Return what the operator has announced, the newest first."""
    require_permission(actor, OPERATE)
    return Announcement.objects.all()


def announce(
    *,
    texts: Mapping[str, str],
    from_at: datetime,
    to_at: datetime,
    actor: Actor,
    tone: str = Tone.INFO,
    plan: str = "",
    company_id: int | None = None,
) -> Announcement:
    """Tell everybody, the companies of one plan, or one company, a sentence in each language.

    **Raises** InvalidInputError for a language left out, a span that is over or turned round, an unknown company.
    """
    require_permission(actor, OPERATE)
    for language in ("en", "zh-hans"):
        if not 0 < len(texts.get(language, "").strip()) <= LONGEST:
            raise InvalidInputError.at(
                f"text_{language.replace('-', '_')}",
                _("Say it in both languages, in at most %(most)d characters.") % {"most": LONGEST},
            )
    if not from_at < to_at or to_at <= clock.now():
        raise InvalidInputError.at("to_at", _("It must end after it begins, and not before now."))
    if plan and company_id is not None:
        raise InvalidInputError.at("company_id", _("Choose a plan or a company, not both."))
    if company_id is not None and company_id not in list_tenant_ids():
        raise InvalidInputError.at("company_id", _("There is no such company."))
    row = Announcement.objects.create(
        texts={language: texts[language].strip() for language in ("en", "zh-hans")}, from_at=from_at, to_at=to_at,
        tone=tone, plan=plan, company_id=company_id,
    )  # fmt: skip
    forget()
    return row


def withdraw(announcement_id: int, *, actor: Actor) -> None:
    """Take an announcement off every page. Once more changes nothing."""
    require_permission(actor, OPERATE)
    if not Announcement.objects.filter(pk=announcement_id).exists():
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": announcement_id})
    Announcement.objects.filter(pk=announcement_id, withdrawn_at=None).update(withdrawn_at=clock.now())
    forget()


def forget() -> None:
    """Ask the database anew: an announcement has come or gone. Other processes follow within CACHE_S."""
    _cache.clear()


def _of_company(tenant_id: int) -> list[Shown]:
    at = time.monotonic()
    kept = _cache.get(tenant_id)
    if kept is None or at >= kept[0]:
        plan = rights_of(tenant_id).plan
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            cursor.execute(
                "SELECT announcement_id, tone, texts, from_at, to_at FROM pages_list_announcements(%s)",
                [plan],
            )
            rows = [
                Shown(number, tone, json.loads(texts) if isinstance(texts, str) else texts, from_at, to_at)
                for number, tone, texts, from_at, to_at in cursor.fetchall()
            ]
        kept = (at + CACHE_S, rows)
        _cache[tenant_id] = kept
    return kept[1]
