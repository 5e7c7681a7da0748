"""A company is erased: doors are shut, samples go by the chunk, rows by the lot, the rest at once with the record.

Once begun it is gone through with. What stays: issued invoices with what was paid, the audit's tombstone, the record.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from forgeline.assets.models import DeviceCredential, Point
from forgeline.assets.services.announcing import announce_points
from forgeline.base import clock
from forgeline.base.errors import ConflictError, ForbiddenError, InvalidInputError
from forgeline.identity.models import ApiKey, Membership, User
from forgeline.identity.policy import Actor, require_permission
from forgeline.identity.roles import OWN
from forgeline.jobs import files, services as jobs
from forgeline.jobs.models import OPEN, Job
from forgeline.jobs.working import Step, Work
from forgeline.telemetry import erasing
from forgeline.tenancy.models import Tenant
from forgeline.transfer.company import tables, telling
from forgeline.transfer.models import Erasure

KIND = telling.KIND
SETTLE_S = 45.0
"""Until every process knows that the company's points take nothing any more (they look every 30 s)."""
LOT = 5000
"""Rows of a table that go in one transaction."""
_LAST = ("identity_membership", "jobs_job")
"""By these the last transaction knows whom to delete and where it stands."""


def ask_erasure(*, name: str, actor: Actor) -> Job:
    """Have the company erased once the days of grace are over. For an owner in person, who types its name.

    **Raises** InvalidInputError for another name, ConflictError where it was asked for already.
    """
    require_permission(actor, OWN)
    if actor.user_id is None:
        raise ForbiddenError(_("A person has to ask for this."), key="identity.forbidden")
    company = Tenant.objects.get()
    if name.strip() != company.name:
        sentence = _("Type the name of the company as it is written: %(name)s.") % {"name": company.name}
        raise InvalidInputError.at("name", sentence)
    if find_erasure() is not None:
        raise ConflictError(
            _("The erasure was asked for already; it can be called back."), key="transfer.erasure_asked"
        )
    due_at = clock.now() + timedelta(days=settings.ERASURE_GRACE_DAYS)
    job = jobs.start(KIND, actor=actor, facts={}, subject=company.name, due_at=due_at)
    telling.tell_owners(job)
    telling.forget(company.pk)
    return job


def find_erasure() -> Job | None:
    """Return the erasure that was asked for and not called back, if any."""
    return Job.objects.filter(kind=KIND, state__in=OPEN).first()


def call_back(*, actor: Actor) -> Job:
    """Call the erasure back. **Raises** ConflictError where none was asked for, or once it has begun."""
    require_permission(actor, OWN)
    job = find_erasure()
    if job is None:
        raise ConflictError(_("No erasure was asked for."), key="transfer.no_erasure")
    cancelled = jobs.cancel(job.pk, actor=actor)
    telling.tell_owners_of_end(job, by=actor.label)
    telling.forget(actor.tenant_id)
    return cancelled


def run(work: Work) -> Generator[Step, None, dict[str, Any]]:
    """Erase the company (jobs.working). Each stage may be repeated."""
    stage = work.position.get("stage", "shut")
    if stage == "shut":
        with work.scope():
            _shut(work)
            work.note({"stage": "samples", "counts": {}})
        yield Step(0.05, _("The doors are shut"), wait_s=SETTLE_S)
    counts: dict[str, int] = dict(work.position.get("counts", {}))
    if work.position.get("stage") == "samples":
        done = work.position.get("done")
        for share, table, gone, place in erasing.delete_samples(
            work.job.tenant_id, None if done is None else (done[0], done[1], done[2])
        ):
            counts[table] = counts.get(table, 0) + gone
            yield Step(
                0.1 + 0.5 * share, _("Samples"), {"stage": "samples", "counts": dict(counts), "done": place}
            )
        assert work.job.tenant_id is not None
        late = [name for name, count in erasing.count_samples(work.job.tenant_id).items() if count]
        if late:
            yield Step(0.6, _("Samples"), {"stage": "samples", "counts": dict(counts)})
            raise RuntimeError(f"samples are left: {late}")
        counts["files"] = files.count_company(work.job.tenant_id)
        yield Step(0.65, _("Files"), {"stage": "rows", "counts": dict(counts)})
    files.remove_company(work.job.tenant_id)
    yield from _thin(work, counts)
    yield Step(0.85, _("Rows"), may_pause=False)
    with work.scope():
        owners = telling.list_owners()
        sessions = _erase_rows(work, counts)
    for key in sessions:
        cache.delete(f"django.contrib.sessions.cached_db{key}")
    files.remove_company(work.job.tenant_id)
    telling.say_farewell(owners, work.job.subject, sum(counts.values()))
    return {}


def _shut(work: Work) -> None:
    """Nobody comes in and nothing is taken from here on."""
    now = clock.now()
    company = Tenant.objects.select_for_update().get()
    Tenant.objects.filter(pk=company.pk).update(closed_at=now)
    Membership.objects.filter(deactivated_at=None).update(deactivated_at=now)
    ApiKey.objects.filter(revoked_at=None).update(revoked_at=now)
    DeviceCredential.objects.filter(revoked_at=None).update(revoked_at=now)
    Point.objects.filter(retired_at=None).update(retired_at=now)
    announce_points()
    Erasure.objects.get_or_create(
        tenant_id=company.pk,
        defaults={"name": company.name, "asked_at": work.job.created_at, "begun_at": now},
    )


def _thin(work: Work, counts: dict[str, int]) -> Generator[Step, None, None]:
    """Delete rows by the thousand, each lot for good, as long as there are some that no others hold.

    Of what grows without end nothing is left for the last transaction, which then takes seconds: configuration whose
    rows hold each other, people, and the job itself.
    """
    tenant_id = work.job.tenant_id
    assert tenant_id is not None
    with work.scope():
        names = [name for name in tables.list_tables() if name not in (*tables.KEPT, *tables.STORE, *_LAST)]
    names.sort(key=_order)
    # From the table that the last worker was at, and then as often as something went.
    at = work.position.get("table")
    first, went = names.index(at) if at in names else 0, True
    while went:
        went = first > 0
        for name in names[first:]:
            while gone := _delete_lot(work, name, tenant_id, counts):
                went = True
                yield Step(0.7, _("Rows"))
                if gone < LOT:
                    break
        first = 0


def _delete_lot(work: Work, name: str, tenant_id: int, counts: dict[str, int]) -> int:
    """Delete some rows of a table with the note of it; 0 where there are none, or others must go first."""
    try:
        with work.scope(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(
                f"DELETE FROM {name} WHERE tenant_id = %s AND ctid = ANY (ARRAY("  # noqa: S608
                f"SELECT ctid FROM {name} WHERE tenant_id = %s LIMIT %s))",
                [tenant_id, tenant_id, LOT],
            )
            gone = cursor.rowcount
            if gone:
                told = counts | {name: counts.get(name, 0) + gone}
                work.note({"stage": "rows", "table": name, "counts": told})
    except IntegrityError:
        return 0
    counts[name] = counts.get(name, 0) + gone
    return gone


def _order(name: str) -> bool:
    """First goes what would tell other programs of every row that goes."""
    return name != "webhooks_endpoint"


def _erase_rows(work: Work, counts: dict[str, int]) -> list[str]:
    """Delete every row of the company in one transaction, and write the record; returns the keys of ended sessions."""
    work.note({"stage": "rows", "counts": counts})
    tenant_id = work.job.tenant_id
    assert tenant_id is not None
    with connection.cursor() as cursor:
        # A table of years takes longer than a page may.
        cursor.execute("SET LOCAL statement_timeout = 0")
    people = list(Membership.objects.values_list("user_id", flat=True))
    waiting = [name for name in tables.list_tables() if name not in (*tables.KEPT, *tables.STORE)]
    waiting.sort(key=_order)
    while waiting:
        left = [name for name in waiting if not _delete(name, tenant_id, counts)]
        if len(left) == len(waiting):
            raise RuntimeError(f"rows hold each other: {left}")
        waiting = left
    _delete("tenancy_tenant", tenant_id, counts, column="id")
    with connection.cursor() as cursor:
        # What triggers have written about the deletions; a second pass finds nothing.
        for name in tables.list_tables():
            if name not in (*tables.KEPT, *tables.STORE):
                cursor.execute(f"DELETE FROM {name} WHERE tenant_id = %s", [tenant_id])  # noqa: S608
                counts[name] = counts.get(name, 0) + cursor.rowcount
        cursor.execute("DELETE FROM telemetry_follower WHERE split_part(name, ':', 2) = %s", [str(tenant_id)])
        counts["telemetry_follower"] = cursor.rowcount
        sessions = _erase_people(people, counts)
        cursor.execute("SELECT audit_erase()")
        counts["audit_entry"] = int(cursor.fetchone()[0])
        left_over: dict[str, int] = {}
        for name in tables.list_tables():
            cursor.execute(f"SELECT count(*) FROM {name} WHERE tenant_id = %s", [tenant_id])  # noqa: S608
            if found := int(cursor.fetchone()[0]):
                left_over[name] = found
    stray = set(left_over) - set(tables.KEPT)
    if stray:
        raise RuntimeError(f"rows are left: {sorted(stray)}")
    Erasure.objects.filter(tenant_id=tenant_id).update(
        ended_at=clock.now(),
        counts={name: count for name, count in sorted(counts.items()) if count},
        left=left_over,
    )
    return sessions


def _delete(name: str, tenant_id: int, counts: dict[str, int], *, column: str = "tenant_id") -> bool:
    """Delete a table's rows of the company; False where others must go first."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {name} WHERE {column} = %s", [tenant_id])  # noqa: S608
            counts[name] = counts.get(name, 0) + cursor.rowcount
    except IntegrityError:
        return False
    return True


def _erase_people(people: list[int], counts: dict[str, int]) -> list[str]:
    """Delete the accounts of those who belong to no other company; the database's own foreign keys say who does."""
    gone: set[str] = set()
    with connection.cursor() as cursor:
        # What is wrong by now is a fault of ours, and none of the people's.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    for user_id in people:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                User.objects.filter(pk=user_id).delete()
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        except IntegrityError:
            continue  # somebody whom another company knows
        gone.add(str(user_id))
    counts["identity_user"] = len(gone)
    ended = [
        row.session_key for row in Session.objects.iterator() if row.get_decoded().get(SESSION_KEY) in gone
    ]
    Session.objects.filter(session_key__in=ended).delete()
    counts["django_session"] = len(ended)
    return ended
