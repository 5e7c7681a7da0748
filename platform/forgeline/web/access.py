"""Who may open a page: signed in, member of a company, with the permission; and what happens otherwise."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

from django.db import ProgrammingError, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from forgeline.base.api import is_outside_branch
from forgeline.base.errors import ForgelineError, NotFoundError
from forgeline.entitlements.rights import rights_of
from forgeline.identity.doors import sort_memberships
from forgeline.identity.models import User
from forgeline.identity.queries import actor_of_member
from forgeline.identity.roles import CUSTOMERS, OPERATE, withhold
from forgeline.identity.switches import refuse_feature

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def needs(permission: str) -> Callable[[View[P]], View[P]]:
    """Let in who has the permission; others go to sign-in, to the first set-up, or get a page that says why."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            actor = request.actor  # type: ignore[attr-defined]
            if actor is None or actor.user_id is None:
                # Pages are for people; a key has the API.
                return _outside(request)
            if not actor.has_permission(permission):
                rights, area = rights_of(actor.tenant_id), permission.partition(".")[0]
                if rights.is_withheld(area):
                    return refuse_feature(request)
                if not rights.may_have(area):
                    return fault(
                        request, 402, _("This is switched off"),
                        _("Your plan does not hold it; choose another under Company, Plan and invoices."),
                        is_of_plan=True,
                    )  # fmt: skip
                return _refuse_role(request, permission)
            try:
                return view(request, *args, **kwargs)
            except NotFoundError as error:
                return fault(request, 404, _("There is nothing here"), str(error))
            except ProgrammingError as error:
                if not is_outside_branch(error):
                    raise
                transaction.set_rollback(True)
                return refuse_outside(request)

        return guarded

    return decorate


def _refuse_role(request: HttpRequest, permission: str) -> HttpResponse:
    title = _("Your role does not allow this")
    if permission in (OPERATE, CUSTOMERS):
        # Only people of one kind of company have these: whoever belongs to such a one is shown the way there.
        for row in request.seat.memberships:  # type: ignore[attr-defined]
            there = actor_of_member(row, user_id=request.user.pk)  # type: ignore[arg-type]
            if row.is_own and there.has_permission(permission):
                text = _("You may do this at %(company)s: go there first.") % {"company": row.tenant_name}
                return fault(request, 403, title, text, company=row)
    if visit := request.actor.visit:  # type: ignore[attr-defined]
        never = _("Not at a company that you visit")
        if permission in (OPERATE, CUSTOMERS):
            return fault(request, 403, never, _("Go back to your own company for it."), visit=visit)
        if not withhold(frozenset({permission})):
            text = _(
                "Its people, keys, partners, data and invoices are the company's own: no access lets a visitor to "
                "them. Go back to your own company."
            )
            return fault(request, 403, never, text, visit=visit)
        return fault(
            request, 403, title, _("Ask the company that you visit to let you do more."), visit=visit
        )
    return fault(request, 403, title, _("Ask a manager of your company."))


def _outside(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        sentence = _(
            "Your account belongs to no company. That is so while a company is erased and once your access is "
            "switched off; else ask a manager to add you."
        )
        if shut := sort_memberships(request.user.pk, request.session).shut:
            sentence = _(
                "%(company)s is opened by its own provider alone. Sign out, and choose “Sign in with your company”."
            ) % {"company": shut[0].tenant_name}
        return fault(request, 403, _("No company"), sentence)
    if not User.objects.exists():
        return redirect("web:first_owner")
    return redirect(f"{reverse('web:sign_in')}?{urlencode({'next': request.get_full_path()})}")


def refuse_outside(request: HttpRequest) -> HttpResponse:
    """Answer 403 for what lies outside the branches of the plant that somebody is limited to."""
    return fault(
        request, 403, _("Your role does not allow this"),
        _("This lies outside the parts of the plant that you may change."),
    )  # fmt: skip


def fault(request: HttpRequest, status: int, title: str, text: str, **ways: Any) -> HttpResponse:
    """Return the page that says what happened and what to do; ``ways`` on are what its template knows."""
    return render(request, "pages/error.html", {"title": title, "text": text, **ways}, status=status)


def put_faults(form: Any, error: ForgelineError) -> None:
    """Show an anticipated error of a service at the fields of the form that it names, or above the form."""
    fields = error.data.get("fields", {})
    for name, sentences in fields.items():
        target = name if name in form.fields else None
        for sentence in sentences:
            form.add_error(target, sentence)
    if not fields:
        form.add_error(None, str(error))
