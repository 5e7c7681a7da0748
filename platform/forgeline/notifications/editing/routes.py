"""Writes of routes: a route with its steps is saved as a whole."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from forgeline.identity.policy import Actor
from forgeline.notifications.editing.saving import (
    assign,
    delete,
    invalid,
    require_edit,
    require_members,
    require_place,
    save,
)  # fmt: skip
from forgeline.notifications.models import Channel, Roster, Route, RouteStep
from forgeline.notifications.queries import get_route

MOST_STEPS = 20
MOST_KINDS = 30
_KIND = re.compile(r"[a-z][a-z_]*(\.[a-z_]+|\.\*)", re.ASCII)
_TARGETS = ("roster_id", "user_id", "channel_id")

Steps = Sequence[Mapping[str, Any]]


def create_route(*, actor: Actor | None = None, steps: Steps = (), **given: Any) -> Route:
    """Make a route. **Raises** InvalidInputError by field; ConflictError where the name is taken."""
    require_edit(actor)
    return _write(Route(), given, steps)


def update_route(route_id: int, *, actor: Actor | None = None, **given: Any) -> Route:
    """Change a route; steps that are given take the place of the old ones. What is under way goes on by the new."""
    require_edit(actor)
    steps = given.pop("steps", None)
    return _write(get_route(route_id), given, steps)


def delete_route(route_id: int, *, actor: Actor | None = None) -> None:
    """Delete a route and what is under way on it; the log keeps what went out."""
    require_edit(actor)
    delete(get_route(route_id))


def _write(row: Route, given: Mapping[str, Any], steps: Steps | None) -> Route:
    assign(row, given)
    require_place(row.site_id)
    if len(row.kinds) > MOST_KINDS or not all(
        len(kind) <= 60 and _KIND.fullmatch(kind) for kind in row.kinds
    ):
        raise invalid(kinds=_("Kinds read like alarm.raised, or alarm.* for all of them."))
    if steps is not None:
        _check(steps)
    with transaction.atomic():
        save(row)
        if steps is not None:
            row.steps.all().delete()
            # In the order of their delays: a chain is read from the top.
            for position, each in enumerate(sorted(steps, key=lambda step: int(step["after_minutes"]))):
                save(RouteStep(route=row, position=position, **each))
    return get_route(row.pk)


def _check(steps: Steps) -> None:
    if not steps:
        raise invalid(steps=_("A route needs one step at least: to whom it leads."))
    if len(steps) > MOST_STEPS:
        raise invalid(steps=_("At most %(most)d are kept.") % {"most": MOST_STEPS})
    for each in steps:
        if sum(each.get(name) is not None for name in _TARGETS) != 1:
            raise invalid(steps=_("Each step leads to one roster, one person or one channel."))
    if min(int(each["after_minutes"]) for each in steps) > 0:
        raise invalid(steps=_("The first step goes at once: give it 0 minutes."))
    require_members([each["user_id"] for each in steps if each.get("user_id") is not None], "steps")
    for name, model in (("roster_id", Roster), ("channel_id", Channel)):
        wanted = {each[name] for each in steps if each.get(name) is not None}
        if model.objects.filter(pk__in=wanted).count() != len(wanted):
            raise invalid(steps=_("A roster or channel named here does not exist."))
