"""Trials that take longer than a request: asked for, worked on in slices by one worker at a time, taken away.

A slice is short, so that a trial of months never keeps a worker from what is urgent; between slices, and when a worker
dies, the row tells where to go on. Nothing of a result is seen before all of it is there.
Not here: what a trial does (trial, machine).
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _

from forgeline.alarms.definitions import dump, parse
from forgeline.alarms.trying import wording
from forgeline.alarms.trying.machine import MachineTrial, skipped
from forgeline.alarms.trying.models import Trial
from forgeline.alarms.trying.subjects import Question, Subject, find_subjects
from forgeline.alarms.trying.trial import Span, assemble, find, most_listed
from forgeline.base import clock
from forgeline.base.errors import ConflictError, ForgelineError, NotFoundError
from forgeline.base.workers import call_worker
from forgeline.identity.policy import Actor
from forgeline.tenancy.scoping import list_tenant_ids, tenant_scope

MOST_OPEN = 5
"""Trials of one company that are not through."""
CLAIM_FOR = timedelta(seconds=30)
"""A worker that gave no sign of life for so long is dead."""
SIGN_EVERY_S = 1.0
SLICE_S = 10.0
WORK_FOR_S = 30.0
KEPT_FOR = timedelta(days=1)

_log = logging.getLogger(__name__)


class _GoneError(Exception):
    """The trial was taken away, or another worker has it."""


def start(question: Question, span: Span, *, actor: Actor) -> Trial:
    """Have a trial worked on from now on. **Raises** ConflictError where too many are waiting already."""
    if Trial.objects.filter(finished_at=None).count() >= MOST_OPEN:
        raise ConflictError(
            _("%(most)d trials are not through yet; wait for one of them, or delete it.")
            % {"most": MOST_OPEN},
            key="alarms.too_many_trials",
        )
    trial = Trial.objects.create(
        asset_id=question.asset_id, profile=question.profile, key=question.key, definition=dump(question.definition),
        days=span.asked_days, from_us=span.from_us, to_us=span.to_us, language=translation.get_language() or "en",
        created_by_id=actor.user_id,
    )  # fmt: skip
    transaction.on_commit(_wake)
    return trial


def get_trial(trial_id: int) -> Trial:
    """Return a trial. **Raises** NotFoundError."""
    trial: Trial | None = Trial.objects.defer("kept", "done").filter(pk=trial_id).first()
    if trial is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": trial_id})
    return trial


def remove(trial_id: int) -> None:
    """Take a trial away; whoever works on it stops within seconds. **Raises** NotFoundError."""
    get_trial(trial_id).delete()


def trim(*, now: Callable[[], datetime] = clock.now) -> None:
    """Delete the trials of every company that are older than a day."""
    for tenant_id in list_tenant_ids():
        with tenant_scope(tenant_id):
            Trial.objects.filter(created_at__lt=now() - KEPT_FOR).delete()


def work(*, now: Callable[[], datetime] = clock.now, slice_s: float = SLICE_S) -> int:
    """Work on open trials, a slice of each in turn, until there is none or the time is up; return the slices."""
    until = time.monotonic() + WORK_FOR_S
    slices = 0
    while time.monotonic() < until:
        chosen = _find_next(now())
        if chosen is None:
            break
        _Slice(*chosen, now=now, slice_s=slice_s).run()
        slices += 1
    return slices


def _find_next(at: datetime) -> tuple[int, int] | None:
    """Return (tenant, trial) of what waits longest; None too while another worker is at one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, trial_id, claimed_until FROM alarms_list_trials()")
        rows: list[tuple[int, int, datetime | None]] = cursor.fetchall()
    if not rows or any(claimed is not None and claimed > at for _tenant, _trial, claimed in rows):
        return None
    return rows[0][:2]


def _wake() -> None:
    """Call a worker; where the broker is away, the next beat finds the trial."""
    from forgeline.alarms.tasks import try_rules

    call_worker(try_rules)


class _Slice:
    """One turn of work on one trial."""

    def __init__(self, tenant_id: int, trial_id: int, *, now: Callable[[], datetime], slice_s: float) -> None:
        self._scope = partial(tenant_scope, tenant_id)
        self._trial_id, self._now = trial_id, now
        self._worker = uuid.uuid4().hex
        self._until = time.monotonic() + slice_s
        self._signed = time.monotonic()
        self._done: list[dict[str, Any]] = []
        """What was found so far; written when the slice is over, not with every machine: it may be long."""

    def run(self) -> None:
        """Go on with the trial; write its end, or where it stands."""
        trial = self._claim()
        if trial is None:
            return
        try:
            with translation.override(trial.language):
                self._run(trial)
        except _GoneError:
            return
        except ForgelineError as error:
            self._finish(error=str(error))
        except OperationalError:
            # The store is away: the claim runs out, and the trial is gone on with.
            raise
        except Exception:  # noqa: BLE001  # told in the log and to whoever waits
            _log.exception("a trial of a rule failed")
            with translation.override(trial.language):
                self._finish(error=_("Forgeline failed at this; its log says why."))

    def _run(self, trial: Trial) -> None:
        definition = parse(trial.definition)
        question = Question(definition, trial.asset_id, trial.profile, trial.key)
        span = Span(trial.days, trial.from_us, trial.to_us)
        with self._scope():
            subjects = find_subjects(question)
        if not subjects:
            raise wording.nothing_to_try()
        done = self._done = list(trial.done)
        through = {machine["asset"] for machine in done}
        kept = None if trial.kept is None else bytes(trial.kept)
        for subject in subjects:
            if subject.asset.pk in through:
                continue
            found = self._try(question, subject, span, kept, of=len(subjects))
            if found is None:
                return
            kept = None
            done.append(found)
        with self._scope():
            result = assemble(question, done, span)
        self._finish(result=result)

    def _try(
        self, question: Question, subject: Subject, span: Span, kept: bytes | None, *, of: int
    ) -> dict[str, Any] | None:
        """Return what was found on a machine; None: the slice is over, and where it stands is written."""
        if subject.new is None:
            return skipped(subject)
        trial = MachineTrial(subject, span.from_us, span.to_us)
        if kept is not None:
            trial.take_up(kept)
        while not trial.is_done:
            with self._scope():
                trial.step()
            progress = _percent(len(self._done) + trial.progress, of)
            if time.monotonic() >= self._until:
                self._write(
                    done=self._done, kept=trial.keep(), progress=progress, worker="", claimed_until=None,
                    worked_at=self._now(),
                )  # fmt: skip
                return None
            if time.monotonic() - self._signed >= SIGN_EVERY_S:
                self._write(progress=progress)
        with self._scope():
            return find(question, subject, trial, most_listed=most_listed(of))

    # --- the row ---

    def _claim(self) -> Trial | None:
        at = self._now()
        free = Q(claimed_until=None) | Q(claimed_until__lte=at)
        with self._scope():
            rows = Trial.objects.filter(free, pk=self._trial_id, finished_at=None)
            if not rows.update(worker=self._worker, claimed_until=at + CLAIM_FOR, worked_at=at):
                return None
            Trial.objects.filter(pk=self._trial_id, started_at=None).update(started_at=at)
            trial: Trial | None = Trial.objects.filter(pk=self._trial_id).first()
            return trial

    def _write(self, **fields: Any) -> None:
        """Write to the row as long as it is ours. **Raises** _GoneError."""
        self._signed = time.monotonic()
        fields = {"claimed_until": self._now() + CLAIM_FOR, **fields}
        with self._scope():
            rows = Trial.objects.filter(pk=self._trial_id, worker=self._worker, finished_at=None)
            if not rows.update(**fields):
                raise _GoneError

    def _finish(self, *, result: dict[str, Any] | None = None, error: str = "") -> None:
        try:
            self._write(
                result=result, error=error[:500], progress=100, finished_at=self._now(), done=[], kept=None,
                worker="", claimed_until=None,
            )  # fmt: skip
        except _GoneError:
            return


def _percent(share: float, of: int) -> int:
    """Whole percent; 100 only once the result is there."""
    return min(99, int(share / of * 100))
