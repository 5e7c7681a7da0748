"""How jobs are worked on: one worker at a time holds a job by a lease, in slices, and leaves behind where it stands.

A kind's ``run`` is a generator: at each ``Step`` it stands at a place from which another worker can go on, by
``position``. A worker that dies gives no sign of life, its lease runs out, and the next one takes the job up; one that
was only slow finds at its next write that the job is no longer its own, and stops. Not here: what a job does.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.models import F, Q
from django.utils import translation
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from forgeline.audit.recorder import Source, acting, record
from forgeline.base import clock
from forgeline.base.errors import ForgelineError, UnavailableError
from forgeline.jobs import files, metrics
from forgeline.jobs.models import OPEN, Job, State
from forgeline.modules.registry import find_job_kind
from forgeline.tenancy.scoping import list_tenant_ids, tenant_scope

CLAIM_FOR = timedelta(seconds=30)
"""A worker that gave no sign of life for so long is dead."""
SIGN_EVERY_S = 2.0
SLICE_S = 20.0
WORK_FOR_S = 40.0
MOST_AT_ONCE = 1
"""Workers that are at jobs; the others stay free for what is urgent."""
MOST_ATTEMPTS = 5
"""Times a job is taken up again without coming further; then it is what kills the worker."""
RETRY_AFTER = timedelta(seconds=15)
KEPT_FOR = timedelta(days=30)

_log = logging.getLogger(__name__)


class _GoneError(Exception):
    """The job was called off, or another worker has it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A place at which a job can be left. ``progress`` is a share from 0 to 1."""

    progress: float
    message: str = ""
    position: dict[str, Any] | None = None
    """None: as before."""
    may_pause: bool = True
    """False: what follows would have to begin again, and is gone on with however long it takes."""
    wait_s: float = 0.0
    """Go on no earlier than so many seconds from now."""


@dataclass(slots=True)
class Work:
    """A job as its ``run`` sees it. Every read and write of rows stands in ``scope()`` or a scope of its own."""

    job: Job
    worker: str = ""
    position: dict[str, Any] = field(default_factory=dict)
    told: tuple[float, str] | None = None
    is_gone: bool = False

    @property
    def facts(self) -> dict[str, Any]:
        return self.job.facts

    @contextmanager
    def scope(self) -> Iterator[None]:
        """The company and the parts of the plant of whoever asked."""
        assert self.job.tenant_id is not None
        with tenant_scope(self.job.tenant_id, branches=tuple(self.job.branches)):
            yield

    def tell(self, progress: float, message: str) -> None:
        """Say how far a long step is; it is written beside the work, with the lease.

        **Raises** an error that ends the slice where the job was called off meanwhile.
        """
        if self.is_gone:
            raise _GoneError
        self.told = (progress, message)

    def note(self, position: dict[str, Any]) -> None:
        """Write where the job stands in the transaction of the caller, so that both hold or neither.

        **Raises** an error that ends the slice where the job is no longer ours: the transaction is rolled back.
        """
        if not _ours(self.job, self.worker).update(position=position, attempts=0):
            raise _GoneError
        self.position = position


Run = Callable[[Work], Generator[Step, None, dict[str, Any]]]


def work(*, now: Callable[[], datetime] = clock.now, slice_s: float = SLICE_S) -> int:
    """Work on open jobs, a slice of each in turn, until there is none or the time is up; return the slices."""
    until = time.monotonic() + WORK_FOR_S
    slices = 0
    while time.monotonic() < until:
        chosen = _find_next(now())
        if chosen is None:
            break
        _Slice(*chosen, now=now, slice_s=slice_s).run()
        slices += 1
    return slices


def trim() -> None:
    """Delete jobs that ended long ago, and files that are older than they are kept."""
    for tenant_id in list_tenant_ids():
        with tenant_scope(tenant_id):
            files.trim()
            for job in Job.objects.filter(finished_at__lt=clock.now() - KEPT_FOR):
                files.remove_all(job)
                job.delete()
    files.sum_bytes()


def _find_next(at: datetime) -> tuple[int, int] | None:
    """Return (tenant, job) of what waits longest; None too while as many workers as may are at one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, job_id, claimed_until FROM jobs_list_open(%s)", [at])
        rows: list[tuple[int, int, datetime | None]] = cursor.fetchall()
    held = [row for row in rows if row[2] is not None and row[2] > at]
    free = [row for row in rows if row not in held]
    return None if len(held) >= MOST_AT_ONCE or not free else free[0][:2]


def _ours(job: Job, worker: str) -> Any:
    return Job.objects.filter(pk=job.pk, worker=worker, state=State.RUNNING)


class _Slice:
    """One turn of work on one job."""

    def __init__(self, tenant_id: int, job_id: int, *, now: Callable[[], datetime], slice_s: float) -> None:
        self._tenant_id, self._job_id, self._now = tenant_id, job_id, now
        self._worker = uuid.uuid4().hex
        self._until = time.monotonic() + slice_s
        self._work: Work | None = None

    def run(self) -> None:
        """Go on with the job; write its end, or where it stands."""
        job = self._claim()
        if job is None:
            return
        self._job = job
        source = Source(
            who=job.created_by, who_kind="person" if job.api_key_id is None else "key",
            who_id=job.user_id or job.api_key_id,
        )  # fmt: skip
        with translation.override(job.language), acting(source), self._signs():
            try:
                self._run()
            except _GoneError:
                files.drop_scratch(job)
            except UnavailableError:
                self._leave(RETRY_AFTER)
            except ForgelineError as error:
                if self._must_succeed(error):
                    return
                self._finish(State.FAILED, message=str(error), result={"key": error.key, **error.data})
            except (OperationalError, InterfaceError):
                # The store is away: the lease runs out, and the job is gone on with.
                raise
            except Exception as error:  # noqa: BLE001  # told in the log and to whoever waits
                _log.exception("a job failed")
                if self._must_succeed(error):
                    return
                self._finish(State.FAILED, message=_("Forgeline failed at this; its log says why."))

    def _must_succeed(self, error: Exception) -> bool:
        """Leave a job that may not end half done to be tried again."""
        kind = find_job_kind(self._job.kind)
        if kind is None or kind.may_stop:
            return False
        _log.error("a job that must succeed is tried again: %s", error)
        self._leave(4 * RETRY_AFTER)
        return True

    def _run(self) -> None:
        kind = find_job_kind(self._job.kind)
        if kind is None:
            self._finish(State.FAILED, message=_("Nobody knows this kind of job any more."))
            return
        if self._job.attempts > MOST_ATTEMPTS and kind.may_stop:
            sentence = _("The worker died %(times)d times at the same place; the log says why.")
            self._finish(State.FAILED, message=sentence % {"times": MOST_ATTEMPTS})
            return
        work = self._work = Work(self._job, self._worker, dict(self._job.position))
        run: Run = import_string(kind.run)
        steps = run(work)
        try:
            while True:
                try:
                    step = next(steps)
                except StopIteration as end:
                    self._finish(State.DONE, message=_("Done."), result=end.value or {})
                    return
                if step.position is not None:
                    work.position = step.position
                if step.wait_s:
                    self._note(step, work)
                    self._leave(timedelta(seconds=step.wait_s))
                    return
                self._note(step, work)
                if step.may_pause and time.monotonic() >= self._until:
                    self._leave(timedelta(0))
                    return
        finally:
            steps.close()

    # --- the row ---

    def _claim(self) -> Job | None:
        at = self._now()
        free = Q(claimed_until=None) | Q(claimed_until__lte=at)
        with tenant_scope(self._tenant_id):
            rows = Job.objects.filter(free, pk=self._job_id, state__in=OPEN, due_at__lte=at)
            taken = rows.update(
                worker=self._worker, claimed_until=at + CLAIM_FOR, worked_at=at, state=State.RUNNING,
                attempts=F("attempts") + 1,
            )  # fmt: skip
            if not taken:
                return None
            Job.objects.filter(pk=self._job_id, started_at=None).update(started_at=at)
            return Job.objects.filter(pk=self._job_id).first()

    def _write(self, **fields: Any) -> None:
        with tenant_scope(self._tenant_id):
            if not _ours(self._job, self._worker).update(**fields):
                raise _GoneError

    def _note(self, step: Step, work: Work) -> None:
        work.told = None
        self._write(
            progress=min(99, int(step.progress * 100)), message=step.message[:500], position=work.position, attempts=0,
            claimed_until=self._now() + CLAIM_FOR,
        )  # fmt: skip

    def _told(self) -> dict[str, Any]:
        if self._work is None or self._work.told is None:
            return {}
        share, message = self._work.told
        return {"progress": min(99, int(share * 100)), "message": message[:500]}

    def _leave(self, wait: timedelta) -> None:
        """Let the job go, to be taken up again after a while."""
        try:
            self._write(
                attempts=0, worker="", claimed_until=None, worked_at=self._now(), due_at=self._now() + wait
            )
        except _GoneError:
            return

    def _finish(self, state: str, *, message: str, result: dict[str, Any] | None = None) -> None:
        job = self._job
        try:
            with tenant_scope(self._tenant_id):
                self._write(
                    state=state, message=message[:500], result=result, finished_at=self._now(), position={}, worker="",
                    claimed_until=None, **({"progress": 100} if state == State.DONE else {}),
                )  # fmt: skip
                record(
                    "jobs.job.ended", subject=job.subject or job.kind, subject_id=job.pk,
                    changes={"kind": [None, job.kind], "state": [None, str(state)]},
                )  # fmt: skip
        except _GoneError:
            return
        files.drop_scratch(job)
        metrics.FINISHED.labels(job.kind, state).inc()

    @contextmanager
    def _signs(self) -> Iterator[None]:
        """Renew the lease beside the work, however long one step takes."""
        over = threading.Event()

        def renew() -> None:
            try:
                while not over.wait(SIGN_EVERY_S):
                    try:
                        self._write(claimed_until=self._now() + CLAIM_FOR, **self._told())
                    except _GoneError:
                        if self._work is not None:
                            self._work.is_gone = True
                        return
                    except DatabaseError:
                        _log.warning("the lease of a job could not be renewed")
            finally:
                connection.close()

        thread = threading.Thread(target=renew, name="job-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(10)
