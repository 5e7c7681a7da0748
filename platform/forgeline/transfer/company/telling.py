"""Who hears of the erasure of a company: every page of it while it is to come, and all its owners, also at the end.

Not here: the erasure (erasure).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from smtplib import SMTPException
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import send_mail
from django.utils import translation
from django.utils.translation import gettext as _

from forgeline.assets.queries import read_home_zone
from forgeline.base import clock
from forgeline.identity.models import Membership, Role
from forgeline.identity.policy import Actor
from forgeline.identity.roles import OWN
from forgeline.jobs.models import OPEN, Job
from forgeline.notifications.owners import tell_owners as notify
from forgeline.pages.notices import PageNotice
from forgeline.tenancy.scoping import tenant_scope

_log = logging.getLogger(__name__)
KIND = "transfer.erasure"
PATH = "/company/data/"
CACHE_S = 10.0
"""How long a page may miss it, and a process does not ask the database."""
_cache: dict[int, tuple[float, tuple[str, str] | None]] = {}


def find_notice(actor: Actor) -> PageNotice | None:
    """Return what stands on every page of a company whose erasure was asked for."""
    told = _read(actor.tenant_id)
    if told is None:
        return None
    by, at = told
    text = _(
        "%(by)s has asked for the erasure of this company with all its data. It begins on %(at)s; until then an owner "
        "can call it back under Company, Data of the company."
    ) % {"by": by, "at": at}
    if not actor.has_permission(OWN):
        return PageNotice(text, "bad")
    return PageNotice(text, "bad", PATH, _("Look at it"))


def forget(tenant_id: int) -> None:
    """Ask the database anew: an erasure was just asked for or called back."""
    _cache.pop(tenant_id, None)


def tell_owners(job: Job) -> None:
    """Send every owner a message, by bell and e-mail, whatever the routes of the company say."""
    at = _local(job.due_at, read_home_zone())

    def words() -> tuple[str, str]:
        return (
            _("The erasure of %(company)s was asked for") % {"company": job.subject},
            _(
                "%(by)s has asked for it. Everything of the company is erased from %(at)s on; until then an owner "
                "can call it back under Company, Data of the company."
            ) % {"by": job.created_by, "at": at},
        )  # fmt: skip

    _tell(words, f"erasure:{job.pk}", "high", job.created_at)


def tell_owners_of_end(job: Job, by: str) -> None:
    """Send whoever heard of it that it was called back."""

    def words() -> tuple[str, str]:
        return (
            _("The erasure of %(company)s was called back") % {"company": job.subject},
            _("%(by)s has called it back. Nothing was erased, and everything works as before.") % {"by": by},
        )

    _tell(words, f"erasure:{job.pk}:end", "medium", clock.now())


def list_owners() -> list[tuple[str, str]]:
    """Return address and language of each owner of the company in force, those whose way in is shut too."""
    rows = Membership.objects.filter(role=Role.OWNER)
    return list(rows.values_list("user__email", "user__language"))


def say_farewell(owners: Sequence[tuple[str, str]], company: str, rows: int) -> None:
    """Write to those who were owners that everything is gone, once: nothing of the company is left to try again by."""
    for address, language in owners:
        with translation.override(language or settings.LANGUAGE_CODE):
            subject = _("%(company)s is erased") % {"company": company}
            body = _(
                "All data of %(company)s is erased, as was asked for: %(rows)s rows. Your account is "
                "gone as well unless another company knows it. What stays are issued invoices, as the law asks, and "
                "the record of the erasure, both with whoever runs the service."
            ) % {"company": company, "rows": f"{rows:,}"}
        try:
            # A subject is one line, whatever a name has in it.
            send_mail(" ".join(subject.split()), body, None, [address])
        except (SMTPException, OSError) as error:
            _log.warning("the letter about an erasure could not be sent (%s)", type(error).__name__)


def _tell(words: Callable[[], tuple[str, str]], subject: str, priority: str, happened_at: datetime) -> None:
    notify(
        words, subject=subject, kind="company.erasure", priority=priority, path=PATH, happened_at=happened_at
    )


def _read(tenant_id: int) -> tuple[str, str] | None:
    now = time.monotonic()
    kept = _cache.get(tenant_id)
    if kept is None or now >= kept[0]:
        # Whoever is limited to parts of the plant reads it too.
        with tenant_scope(tenant_id, branches=()):
            job = Job.objects.filter(kind=KIND, state__in=OPEN).first()
            told = None if job is None else (job.created_by, _local(job.due_at, read_home_zone()))
        kept = _cache[tenant_id] = (now + CACHE_S, told)
    return kept[1]


def _local(at: datetime, zone: str) -> str:
    told = f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
    return f"{told} UTC" if zone == "UTC" else told
