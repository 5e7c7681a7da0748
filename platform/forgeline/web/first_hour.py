"""A company's first hour: its steps with their states, kept so that what was done once stays done.

Not here: the steps themselves (manifests), their page (views/start).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.base.errors import InvalidInputError
from forgeline.entitlements.rights import rights_of
from forgeline.identity.policy import Actor
from forgeline.modules.manifest import FirstStep
from forgeline.modules.registry import list_first_steps
from forgeline.web.models import FirstHourDismissal, StepRecord

PERMISSION = "web.edit"


@dataclass(frozen=True, slots=True)
class StepFacts:
    """A step as its page shows it."""

    key: str
    title: Any
    text: Any
    button: Any
    done_at: datetime | None
    is_skipped: bool
    may_do: bool
    address: str
    """Where it is done; '' once it is."""

    @property
    def is_over(self) -> bool:
        return self.done_at is not None or self.is_skipped


@dataclass(frozen=True, slots=True)
class FirstHour:
    """All steps, in their order."""

    steps: list[StepFacts]
    is_dismissed: bool

    @property
    def done(self) -> int:
        return sum(step.done_at is not None for step in self.steps)

    @property
    def over(self) -> int:
        """How many are done or left out."""
        return sum(step.is_over for step in self.steps)

    @property
    def is_over(self) -> bool:
        return all(step.is_over for step in self.steps)

    @property
    def next(self) -> StepFacts | None:
        """The first step that is open and the reader's to do."""
        return next((step for step in self.steps if not step.is_over and step.may_do), None)


def read_first_hour(actor: Actor) -> FirstHour | None:
    """Return how far the company of an actor is, and write down what is done newly.

    None for whoever does not build the plant, or builds a part of it alone.
    """
    if not actor.has_permission(PERMISSION) or actor.branches or actor.user_id is None:
        return None
    records = {row.key: row for row in StepRecord.objects.all()}
    steps = [
        _facts_of(step, records.get(step.key), actor)
        for step in list_first_steps(rights_of(actor.tenant_id).has_module)
        if _is_wanted(step, records)
    ]
    is_dismissed = FirstHourDismissal.objects.filter(user_id=actor.user_id).exists()
    return FirstHour(steps, is_dismissed)


def find_reminder(actor: Actor) -> FirstHour | None:
    """Return what the overview shows of the first hour: nothing to whoever has put it away, or once it is over."""
    if FirstHourDismissal.objects.filter(user_id=actor.user_id).exists():
        return None
    hour = read_first_hour(actor)
    return None if hour is None or hour.is_over else hour


def skip_step(key: str, *, actor: Actor, is_skipped: bool = True) -> None:
    """Leave a step out, or take it up again. **Raises** InvalidInputError for one that there is not."""
    if key not in {step.key for step in list_first_steps()}:
        raise InvalidInputError(_("There is no such step."))
    StepRecord.objects.update_or_create(key=key, defaults={"skipped_at": clock.now() if is_skipped else None})


def dismiss(*, actor: Actor, is_dismissed: bool = True) -> None:
    """Take the reminder off an actor's overview, or bring it back."""
    if is_dismissed:
        FirstHourDismissal.objects.get_or_create(
            user_id=actor.user_id, defaults={"dismissed_at": clock.now()}
        )
    else:
        FirstHourDismissal.objects.filter(user_id=actor.user_id).delete()


def _is_wanted(step: FirstStep, records: dict[str, StepRecord]) -> bool:
    known = records.get(step.key)
    if not step.is_wanted or (known is not None and known.done_at is not None):
        return True
    return bool(import_string(step.is_wanted)())


def _facts_of(step: FirstStep, record: StepRecord | None, actor: Actor) -> StepFacts:
    done_at = record.done_at if record else None
    if done_at is None and import_string(step.is_done)():
        done_at = clock.now()
        StepRecord.objects.bulk_create(
            [StepRecord(key=step.key, done_at=done_at)], update_conflicts=True,
            unique_fields=["tenant", "key"], update_fields=["done_at"],
        )  # fmt: skip
    return StepFacts(
        key=step.key,
        title=step.title,
        text=step.text,
        button=step.button,
        done_at=done_at,
        is_skipped=done_at is None and record is not None and record.skipped_at is not None,
        may_do=actor.has_permission(step.permission),
        address="" if done_at else import_string(step.leads)(),
    )
