"""The companies of the service; one of them: plan, invoices, people, features; visits."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.cache import never_cache

from forgeline.base.errors import ForgelineError, InvalidInputError
from forgeline.billing import console, subscriptions
from forgeline.billing.models import Currency, Period, State
from forgeline.billing.money import words
from forgeline.billing.paper import name_days
from forgeline.identity import doors, operating
from forgeline.identity.models import Role
from forgeline.identity.policy import Actor
from forgeline.identity.roles import OPERATE
from forgeline.modules.registry import list_features
from forgeline.tenancy.models import Kind as TenantKind
from forgeline.web.access import needs, put_faults
from forgeline.web.views.operator.invoices import CorrectionForm, PaidForm, payment_of, read_number, row_of

TONES = {
    State.TRIAL: "setup", State.ACTIVE: "running", State.PAST_DUE: "setup", State.GRACE: "setup",
    State.SUSPENDED: "down", State.CLOSED: "off",
}  # fmt: skip


class PlanForm(forms.Form):
    """Another plan for a company."""

    plan = forms.ChoiceField(label=gettext_lazy("Plan"))
    period = forms.ChoiceField(label=gettext_lazy("Paid"), choices=Period.choices)
    when = forms.ChoiceField(
        label=gettext_lazy("From when"),
        choices=[("later", gettext_lazy("when the period ends")), ("now", gettext_lazy("now, by days"))],
    )
    title = forms.CharField(
        label=gettext_lazy("Name on the invoice"), max_length=200, required=False,
        help_text=gettext_lazy("The company has filled in none yet; a plan that costs something needs it."),
    )  # fmt: skip

    def __init__(self, *args: Any, has_title: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plan: Any = self.fields["plan"]
        plan.choices = [(each.key, each.title) for each in subscriptions.list_plans()]
        if has_title:
            del self.fields["title"]


class VisitForm(forms.Form):
    """As whom to look, and why."""

    member = forms.TypedChoiceField(label=gettext_lazy("As"), coerce=int)
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=200,
        help_text=gettext_lazy("It stands in the customer's audit log, such as the number of their call."),
    )  # fmt: skip

    def __init__(self, *args: Any, members: list[console.MemberFacts], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        titles = {str(key): str(word) for key, word in Role.choices}
        member: Any = self.fields["member"]
        member.choices = [
            (
                each.membership_id,
                f"{each.name or each.email} · {each.own_role or titles.get(each.role, each.role)}",
            )
            for each in members
        ]


@never_cache
@needs(OPERATE)
def tenants(request: HttpRequest) -> HttpResponse:
    """List companies with plan, state, members and their last sample; the address holds the search."""
    search = request.GET.get("q", "")[:80].replace("\x00", "")
    actor: Actor = request.actor  # type: ignore[attr-defined]
    plans = {plan.key: plan.title for plan in subscriptions.list_plans()}
    rows = [
        {"tenant": each, "plan": plans.get(each.plan or "", each.plan or ""), **_state(each)}
        for each in console.list_tenants(actor=actor, search=search)
    ]
    most = console.ROWS if len(rows) > console.ROWS else 0
    context = {"rows": rows[: console.ROWS], "search": search, "most": most}
    return render(request, "web/operator/tenants.html", context)


def _state(each: console.TenantFacts) -> dict[str, str]:
    if each.state is None:
        return {"tone": "", "state": ""}
    return {"tone": TONES[State(each.state)], "state": str(State(each.state).label)}


@never_cache
@needs(OPERATE)
def tenant(request: HttpRequest, tenant_id: int) -> HttpResponse:
    """Show one company, and do what a button asks for."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    found = console.get_tenant(tenant_id, actor=actor)
    posted = request.POST if request.method == "POST" else None
    members = console.list_members_of(tenant_id, actor=actor)
    bought = console.get_subscription_of(tenant_id, actor=actor)
    plan_form = PlanForm(
        posted if posted and "change_plan" in posted else None,
        initial={"plan": found.plan, "period": bought.period, "when": "later"}, has_title=bool(bought.title),
    )  # fmt: skip
    correction_form = CorrectionForm(posted if posted and "correct" in posted else None)
    paid_form = PaidForm(posted if posted and "paid" in posted else None)
    visit_form = VisitForm(posted if posted and "visit" in posted else None, members=members)
    forms_ = (plan_form, paid_form, correction_form, visit_form)
    form: forms.Form | None = next((each for each in forms_ if each.is_bound), None)
    if posted and (form is None or form.is_valid()):
        try:
            target = _do(request, found, {} if form is None else form.cleaned_data)
        except ForgelineError as error:
            # What a row's form is refused altogether, that row may offer no more.
            is_over = isinstance(form, PaidForm | CorrectionForm) and not error.data.get("fields")
            if form is None or is_over:
                messages.error(request, str(error), extra_tags="bad")
                return redirect("web:operator_tenant", tenant_id)
            _put_faults(form, error)
        else:
            return redirect(target) if target else redirect("web:operator_tenant", tenant_id)
    titles = {each.key: each.title for each in subscriptions.list_plans()}
    context = {
        "tenant": found,
        "tenant_id": tenant_id,
        **_state(found),
        "plan": titles.get(found.plan or "", found.plan or ""),
        "bought": bought,
        "period": Period(bought.period).label if bought.period else "",
        "span": name_days(bought.from_on, bought.to_on) if bought.from_on and bought.to_on else "",
        "no_account_in": bought.currency
        if bought.currency and bought.currency not in console.get_seller(actor=actor)["bank"]
        else "",
        "balance": words(bought.balance, bought.currency) if bought.balance and bought.currency else "",
        "next_plan": titles.get(bought.next_plan or "", bought.next_plan or ""),
        "next_period": Period(bought.next_period).label if bought.next_period else "",
        "may_cancel": found.plan != subscriptions.FREE and bought.next_plan != subscriptions.FREE,
        "kind": TenantKind(found.kind).label,
        "is_self": tenant_id == actor.tenant_id,
        "plan_form": plan_form,
        "visit_form": visit_form,
        "members": members,
        "invoices": [
            row_of(each, form, request) for each in console.list_invoices_of(tenant_id, actor=actor)
        ],
        "features": [(key, title, found.switches.get(key)) for key, title in sorted(list_features().items())],
        "currencies": Currency.values,
    }
    status = 422 if form is not None and form.errors else 200
    return render(request, "web/operator/tenant.html", context, status=status)


def _do(request: HttpRequest, found: console.TenantFacts, given: dict[str, Any]) -> str:
    """Do what was asked for; returns where to go, '' for the same page."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    posted, tenant_id = request.POST, found.tenant_id
    if "visit" in posted:
        row = operating.impersonate(tenant_id, given["member"], reason=given["reason"], actor=actor)
        request.session[doors.SESSION_IMPERSONATION] = row.pk
        return "web:overview"
    if "change_plan" in posted:
        at_once = given["when"] == "now"
        console.change_plan_of(
            tenant_id,
            given["plan"],
            given["period"],
            at_once=at_once,
            actor=actor,
            title=given.get("title", ""),
        )
    elif "cancel" in posted:
        console.cancel_of(tenant_id, actor=actor)
    elif "correct" in posted:
        number, reason = read_number(posted["correct"]), given["correction_reason"]
        console.correct_invoice_of(tenant_id, number, reason=reason, reissue=given["reissue"], actor=actor)
    elif "paid" in posted:
        console.mark_paid(tenant_id, read_number(posted["paid"]), actor=actor, **payment_of(given))
    elif "trial" in posted:
        console.begin_trial_of(tenant_id, posted["trial"], actor=actor)
    elif "partner" in posted:
        operating.name_partner(tenant_id, is_partner=posted["partner"] == "yes", actor=actor)
    elif "feature" in posted:
        is_on = {"on": True, "off": False}.get(posted.get("to", ""))
        operating.switch_feature(tenant_id, posted["feature"], is_on, actor=actor)
    else:
        raise InvalidInputError(_("Choose what to do."))
    messages.success(request, _("Saved."))
    return ""


def _put_faults(form: forms.Form, error: ForgelineError) -> None:
    """Show what was refused; the page's two reasons have names of their own."""
    fields = error.data.get("fields", {})
    if "reason" in fields and "correction_reason" in form.fields:
        fields["correction_reason"] = fields.pop("reason")
    put_faults(form, error)
