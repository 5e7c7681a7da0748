"""The overview's first card: how many machines run."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _, ngettext

from forgeline.assets.models.place import AssetLevel
from forgeline.assets.queries import list_assets
from forgeline.identity.policy import Actor
from forgeline.telemetry import states
from forgeline.telemetry.state_rules import MachineState


def machines_card(actor: Actor) -> dict[str, Any] | None:
    """Machines that run now, of those in use; left out while there is none."""
    ids = list(list_assets().filter(level=AssetLevel.WORK_UNIT).values_list("pk", flat=True))
    if not ids:
        return None
    current = [state for state, _since in states.read_current(ids).values()]
    down = current.count(MachineState.DOWN)
    return {
        "title": _("Machines running"),
        "value": f"{current.count(MachineState.RUNNING)} / {len(ids)}",
        "note": _("No machine is down"),
        "fault": ngettext("%(n)d machine is down", "%(n)d machines are down", down) % {"n": down}
        if down
        else "",
    }
