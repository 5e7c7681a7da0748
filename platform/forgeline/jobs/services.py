"""Writes about jobs: asked for, called off, forgotten. Not here: how one is worked on (working)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from django.db import transaction
from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from forgeline.audit.recorder import record
from forgeline.base import clock
from forgeline.base.errors import ConflictError, ForbiddenError, NotFoundError
from forgeline.base.workers import call_worker
from forgeline.jobs import files, metrics
from forgeline.jobs.models import OPEN, File, Job, State
from forgeline.modules.registry import find_job_kind

MANAGE = "jobs.manage"
MOST_OPEN = 10
"""Jobs of one company that are not through."""


class Asker(Protocol):
    """What a job must know of who asks; ``identity.policy.Actor`` is one."""

    @property
    def user_id(self) -> int | None: ...
    @property
    def api_key_id(self) -> int | None: ...
    @property
    def label(self) -> str: ...
    @property
    def branches(self) -> tuple[str, ...]: ...
    @property
    def permissions(self) -> frozenset[str]: ...
    def has_permission(self, permission: str) -> bool: ...


def start(
    kind: str,
    *,
    actor: Asker,
    facts: Mapping[str, Any],
    subject: str = "",
    upload: File | None = None,
    due_at: datetime | None = None,
) -> Job:
    """Have something worked on from now on (or from ``due_at``); ``upload`` becomes a file of the job.

    **Raises** ForbiddenError without the permission of its kind, ConflictError where too many jobs are open.
    """
    what = find_job_kind(kind)
    assert what is not None, kind
    if not actor.has_permission(what.permission):
        raise ForbiddenError.lacks(
            what.permission, is_key=actor.api_key_id is not None, key="identity.forbidden"
        )
    if Job.objects.filter(state__in=OPEN).count() >= MOST_OPEN:
        raise ConflictError(
            _("%(most)d jobs are not through yet; wait for one of them, or stop it.") % {"most": MOST_OPEN},
            key="jobs.too_many",
        )
    now = clock.now()
    job = Job.objects.create(
        kind=kind, subject=subject[:200], permission=what.permission, branches=list(actor.branches), facts=dict(facts),
        language=translation.get_language() or "en", created_at=now, created_by=actor.label[:160],
        user_id=actor.user_id, api_key_id=actor.api_key_id, due_at=due_at or now,
    )  # fmt: skip
    if upload is not None:
        files.give(upload, job)
    record("jobs.job.begun", subject=subject or kind, subject_id=job.pk, changes={"kind": [None, kind]})
    metrics.STARTED.labels(kind).inc()
    transaction.on_commit(_wake)
    return job


def list_jobs(actor: Asker) -> QuerySet[Job]:
    """Return the jobs that the actor may see, the newest first."""
    found = Job.objects.filter(permission__in=sorted(actor.permissions)).defer("position")
    return found.prefetch_related("files").order_by("-id")


def get_job(job_id: int, *, actor: Asker) -> Job:
    """Return a job. **Raises** NotFoundError for one that there is not, or that the actor may not see."""
    found = list_jobs(actor).filter(pk=job_id).first()
    if found is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": job_id})
    return found


def cancel(job_id: int, *, actor: Asker) -> Job:
    """Call a job off; whoever works on it stops within seconds and leaves nothing half done. Once more changes nothing.

    **Raises** ForbiddenError for somebody else's without ``jobs.manage``, ConflictError for one that is through.
    """
    job = get_job(job_id, actor=actor)
    _require_own(job, actor)
    now = clock.now()
    kind = find_job_kind(job.kind)
    open_ = Job.objects.filter(pk=job.pk, state__in=OPEN)
    if kind is not None and not kind.may_stop:
        if job.is_open and job.started_at is not None:
            raise ConflictError(_("This has begun and is gone through with."), key="jobs.begun")
        open_ = open_.filter(started_at=None)
    gone = open_.update(state=State.CANCELLED, finished_at=now, worker="", claimed_until=None, position={})
    if not gone and job.state != State.CANCELLED:
        raise ConflictError(_("This job is through; there is nothing to stop."), key="jobs.through")
    if gone:
        files.remove_all(job)
        record(
            "jobs.job.ended",
            subject=job.subject or job.kind,
            subject_id=job.pk,
            changes={"state": ["", "cancelled"]},
        )
        metrics.FINISHED.labels(job.kind, State.CANCELLED).inc()
    return get_job(job_id, actor=actor)


def forget(job_id: int, *, actor: Asker) -> None:
    """Take a job that is through away with its files. **Raises** ConflictError while it is open."""
    job = get_job(job_id, actor=actor)
    _require_own(job, actor)
    if job.is_open:
        raise ConflictError(_("Stop this job first."), key="jobs.open")
    files.remove_all(job)
    job.delete()


def _require_own(job: Job, actor: Asker) -> None:
    is_own = (job.user_id, job.api_key_id) == (actor.user_id, actor.api_key_id)
    if not is_own and not actor.has_permission(MANAGE):
        raise ForbiddenError(
            _("This is somebody else's job. Ask a manager of your company."),
            key="identity.forbidden",
            data={"permission": MANAGE},
        )


def _wake() -> None:
    """Call a worker; where the broker is away, the next beat finds the job."""
    from forgeline.jobs.tasks import work

    call_worker(work)
