"""A company's switches of its modules: which module an address belongs to, and the answer where it is off.

Not here: what a plan holds (entitlements, billing), what is shown of a module that is on (modules.registry).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from forgeline.audit.recorder import record
from forgeline.base.api import render_problem
from forgeline.base.errors import ForbiddenError, NotFoundError, PaymentRequiredError
from forgeline.entitlements.rights import Rights, rights_of, switch_module, switch_off
from forgeline.identity.policy import Actor, require_permission
from forgeline.identity.roles import PEOPLE
from forgeline.modules.manifest import Manifest
from forgeline.modules.registry import list_switchable


@cache
def _beginnings() -> tuple[tuple[str, Manifest], ...]:
    """Beginnings of the addresses of each module: its pages' folder, and the first word of each route of its API."""
    found = [(f"/{m.key}/", m) for m in list_switchable() if m.urls]
    for manifest in list_switchable():
        if manifest.api_urls:
            routes = [str(each.pattern) for each in import_module(manifest.api_urls).urlpatterns]
            words = {route.lstrip("^").split("/")[0] for route in routes}
            found += [(f"/api/v1/{word}/", manifest) for word in sorted(words)]
    return tuple(found)


def find_module(request: HttpRequest) -> Manifest | None:
    """Return the module that can be switched to which an address belongs."""
    return next((module for start, module in _beginnings() if request.path.startswith(start)), None)


def refuse_module(request: HttpRequest, module: Manifest, rights: Rights) -> HttpResponse:
    """Answer for a module that is off: 402 where the plan does not hold it, else 403; all say what to do."""
    if rights.is_withheld(module.key):
        status, key, text = 403, "entitlements.switched_off", _withheld()
    elif rights.may_have(module.key):
        status, key = 403, "entitlements.module_off"
        text = _(
            "An owner or manager switches it on under Company, Modules. What it has kept is still there."
        )
    else:
        status, key = 402, "entitlements.module_not_in_plan"
        text = _("Your plan does not hold it; choose another under Company, Plan and invoices.")
    return _refusal(
        request, status, key, _("The module %(module)s is switched off") % {"module": module.title}, text
    )


def refuse_feature(request: HttpRequest) -> HttpResponse:
    """Answer 403 for a feature that the operator has switched off."""
    return _refusal(request, 403, "entitlements.switched_off", _("This is switched off"), _withheld())


def _withheld() -> str:
    return _("The operator of the service has switched this off for your company.")


def _refusal(request: HttpRequest, status: int, key: str, title: str, text: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return render_problem(status=status, key=key, title=title, detail=text)
    context = {"title": title, "text": text, "is_of_plan": status == 402}
    return render(request, "pages/error.html", context, status=status)


def list_modules(tenant_id: int) -> list[dict[str, object]]:
    """Return the modules that can be switched: key, title, whether on, whether the company may switch them on, and
    whether it is the operator who keeps one off.
    """
    rights = rights_of(tenant_id)
    return [
        {
            "module": m.key,
            "title": str(m.title),
            "is_on": rights.has_module(m.key),
            "is_in_plan": rights.may_have(m.key),
            "is_withheld": rights.is_withheld(m.key),
        }
        for m in list_switchable()
    ]


def begin_with(modules: Sequence[str] | None) -> None:
    """Leave on what a new company begins with, of the modules that are installed; None for all of them."""
    if modules is not None:
        switch_off([m.key for m in list_switchable() if m.key not in modules])


def set_module(module: str, *, is_on: bool, actor: Actor) -> None:
    """Switch a module for the company. **Raises** NotFoundError, PaymentRequiredError for one beyond the plan,
    ForbiddenError for one that the operator keeps off.
    """
    require_permission(actor, PEOPLE)
    known = {m.key: m for m in list_switchable()}
    if module not in known:
        raise NotFoundError(_("There is no such module; read the list again."))
    if is_on and rights_of(actor.tenant_id).is_withheld(module):
        raise ForbiddenError(_withheld(), key="entitlements.switched_off")
    if is_on and not rights_of(actor.tenant_id).may_have(module):
        raise PaymentRequiredError(
            _("Your plan does not hold it; choose another under Company, Plan and invoices."),
            key="entitlements.module_not_in_plan",
        )
    switch_module(module, is_on=is_on)
    record(
        "identity.module.switched", subject=str(known[module].title), changes={"is_on": [not is_on, is_on]}
    )
