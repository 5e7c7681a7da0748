"""Companies that were erased: the record of it, and what outlives them: invoices, and what is still open of them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from forgeline.base.errors import ForgelineError, NotFoundError
from forgeline.billing import console
from forgeline.billing.api import pdf_of
from forgeline.billing.money import words
from forgeline.identity.policy import Actor
from forgeline.identity.roles import OPERATE
from forgeline.transfer.company.records import list_erasures
from forgeline.web.access import needs, put_faults
from forgeline.web.views.operator.invoices import PaidForm, payment_of, read_number, row_of


@never_cache
@needs(OPERATE)
def gone(request: HttpRequest) -> HttpResponse:
    """List the companies that are gone, the newest first."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    open_ = console.sum_open(actor=actor)
    rows = [
        {
            "record": record,
            "open": [words(amount, currency) for currency, amount in open_.get(record.tenant_id, [])],
        }
        for record in list_erasures(actor=actor)[: console.ROWS]
    ]
    return render(request, "web/operator/gone.html", {"rows": rows})


@never_cache
@needs(OPERATE)
def gone_company(request: HttpRequest, tenant_id: int) -> HttpResponse:
    """Show the record of one and its papers; note what is paid of them."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    record = next((each for each in list_erasures(actor=actor) if each.tenant_id == tenant_id), None)
    if record is None:
        raise NotFoundError(_("There is no such company."), data={"id": tenant_id})
    form = PaidForm(request.POST) if "paid" in request.POST else None
    if form is not None and form.is_valid():
        try:
            number = read_number(request.POST["paid"])
            console.mark_paid(tenant_id, number, actor=actor, **payment_of(form.cleaned_data))
        except ForgelineError as error:
            if not error.data.get("fields"):
                messages.error(request, str(error), extra_tags="bad")
                return redirect("web:operator_gone_company", tenant_id)
            put_faults(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("web:operator_gone_company", tenant_id)
    papers = console.list_invoices_of(tenant_id, actor=actor)
    context = {
        "record": record,
        "tenant_id": tenant_id,
        "rows": sum(record.counts.values()),
        "counts": sorted(record.counts.items(), key=lambda each: (-each[1], each[0])),
        "kept": sorted(record.left_over.items()),
        "invoices": [row_of(each, form, request, may_correct=False) for each in papers],
    }
    return render(request, "web/operator/gone_company.html", context, status=422 if form is not None else 200)


@never_cache
@needs(OPERATE)
def paper(request: HttpRequest, tenant_id: int, invoice_id: int) -> HttpResponse:
    """Return an invoice or a credit note of a company, also of one that is gone, as PDF."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return pdf_of(*console.print_invoice_of(tenant_id, invoice_id, actor=actor))
