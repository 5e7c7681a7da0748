"""What every write about connections does the same way: permission, and telling the process that runs one."""

from __future__ import annotations

from django.db.models import F

from connectors.models import Connection
from forgeline.identity.policy import Actor, require_permission

EDIT = "connectors.edit"


def require_edit(actor: Actor | None) -> None:
    """Pass for the platform itself (no actor) and for whoever may edit connections."""
    if actor is not None:
        require_permission(actor, EDIT)


def note_change(connection_id: int) -> None:
    """Have the process that runs a connection read it anew."""
    Connection.objects.filter(pk=connection_id).update(revision=F("revision") + 1)
