"""Which modules a company has switched on; the others are shut. Not here: what a plan holds (billing)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from forgeline.audit.recorder import record
from forgeline.base.errors import InvalidInputError
from forgeline.entitlements import rights
from forgeline.identity.policy import Actor, require_permission
from forgeline.identity.roles import PEOPLE
from forgeline.modules.manifest import Manifest
from forgeline.modules.registry import find_switchable, list_switchable


def begin_with(modules: Sequence[str] | None) -> None:
    """Switch on what a company begins with, of what is installed; None for everything."""
    installed = [manifest.key for manifest in list_switchable()]
    rights.set_chosen(None if modules is None else [key for key in installed if key in modules])


def switch_modules(keys: Iterable[str], *, actor: Actor) -> None:
    """Switch just these modules on. **Raises** InvalidInputError for one that is not installed."""
    require_permission(actor, PEOPLE)
    wanted = sorted(set(keys))
    installed = {manifest.key for manifest in list_switchable()}
    if unknown := [key for key in wanted if key not in installed]:
        raise InvalidInputError(_("There is no such module: %(names)s.") % {"names": ", ".join(unknown)})
    before = rights.rights_of(actor.tenant_id)
    rights.set_chosen(wanted)
    record("identity.modules.switched", changes={"modules": [_names(before.chosen), _names(wanted)]})


def find_shut(request: HttpRequest, held: rights.Rights) -> Manifest | None:
    """Return the module whose page is asked for and which the company does not have, or None."""
    found = find_switchable(request.path)
    return None if found is None or held.has_module(found.key) else found


def refuse(request: HttpRequest, module: Manifest, held: rights.Rights) -> HttpResponse:
    """Answer 403 with what to do."""
    title = _("%(module)s is switched off") % {"module": module.title}
    if held.modules is not None and module.key not in held.modules:
        text = _("Your plan does not hold it. The owner or a manager changes the plan under Company.")
    else:
        text = _("The owner or a manager switches it on under Company, Modules.")
    return render(request, "pages/error.html", {"title": title, "text": text}, status=403)


def _names(keys: Iterable[str] | None) -> str | None:
    return None if keys is None else ", ".join(sorted(keys))
