"""Who a job acts for, with the rights that they have now: whoever was kept out meanwhile has none."""

from __future__ import annotations

from django.utils.translation import gettext as _

from forgeline.base.errors import ForbiddenError
from forgeline.identity.keys import find_key_actor
from forgeline.identity.policy import Actor
from forgeline.identity.queries import actor_of_member, list_memberships
from forgeline.jobs.models import Job


def actor_of_job(job: Job) -> Actor:
    """Return whoever asked for a job. **Raises** ForbiddenError where they may not do it any more."""
    actor: Actor | None = None
    if job.user_id is not None:
        mine = (row for row in list_memberships(job.user_id) if row.tenant_id == job.tenant_id)
        member = next(mine, None)
        actor = member and actor_of_member(member, user_id=job.user_id, label=job.created_by)
    elif job.api_key_id is not None:
        actor = find_key_actor(job.api_key_id)
    if actor is None or not actor.has_permission(job.permission) or tuple(job.branches) != actor.branches:
        raise ForbiddenError(
            _("Whoever asked for this may not do it any more; have somebody else ask for it."),
            key="jobs.asker_gone",
        )
    return actor
