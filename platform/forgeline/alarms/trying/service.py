"""The door of the time machine: try a rule, at once where a person can wait for it. REST and pages call this."""

from __future__ import annotations

from typing import Any

from django.utils import translation

from forgeline.alarms.definitions import dump
from forgeline.alarms.services.publishing import EDIT
from forgeline.alarms.trying import jobs, wording
from forgeline.alarms.trying.models import Trial
from forgeline.alarms.trying.subjects import ask, find_subjects
from forgeline.alarms.trying.trial import choose_span, fits_a_request, try_at_once
from forgeline.base import clock
from forgeline.identity.policy import Actor, require_permission
from forgeline.tenancy.scoping import released_scope


def try_rule(
    raw: Any,
    *,
    asset_id: int | None = None,
    profile: str = "",
    key: str = "",
    days: int = 7,
    now_us: int | None = None,
    actor: Actor,
) -> Trial:
    """Try a rule over the last days of stored samples; nothing is published.

    Returns a trial that is through (``result``, no id, not stored), or one that a worker goes on with.
    ``key``: the rule in force that it is compared with. **Raises** InvalidInputError for what is no rule, or where
    nothing was stored; NotFoundError; ConflictError where too many trials are waiting.
    """
    require_permission(actor, EDIT)
    now_us = clock.now_us() if now_us is None else now_us
    question = ask(raw, asset_id=asset_id, profile=profile, key=key)
    span = choose_span(days, now_us)
    subjects = find_subjects(question)
    if not subjects:
        raise wording.nothing_to_try()
    if not fits_a_request(question, subjects, span):
        return jobs.start(question, span, actor=actor)
    with released_scope():
        # Reading takes seconds: what this request has written must not hold back who follows the commit log.
        pass
    result = try_at_once(question, subjects, span)
    now = clock.now()
    return Trial(
        asset_id=asset_id, profile=profile, key=key, definition=dump(question.definition), days=days,
        from_us=span.from_us, to_us=span.to_us, language=translation.get_language() or "en", created_at=now,
        created_by_id=actor.user_id, started_at=now, finished_at=now, progress=100, result=result,
    )  # fmt: skip
