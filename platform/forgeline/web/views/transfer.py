"""Data in and out in bulk: tables to fill in, files to send, exports to fetch."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from forgeline.base.errors import ForgelineError, InvalidInputError, NotFoundError
from forgeline.billing import invoicing, subscriptions
from forgeline.billing.models import State
from forgeline.billing.money import words
from forgeline.identity.roles import OWN
from forgeline.jobs import files, services as jobs
from forgeline.tenancy.models import Tenant
from forgeline.transfer.company import archive, erasure
from forgeline.transfer.samples import importing as samples
from forgeline.transfer.samples.blocks import MOST_BYTES, MOST_ROWS
from forgeline.transfer.sheets import importing
from forgeline.transfer.sheets_api import WRITE, as_file
from forgeline.web.access import needs
from forgeline.web.forms import zone_choices
from forgeline.web.times import read_company_zone


@needs(WRITE)
def transfer(request: HttpRequest) -> HttpResponse:
    """Show what can be imported and exported; take a table and have it tried."""
    actor = request.actor  # type: ignore[attr-defined]
    if request.method == "POST":
        job = _take(request, actor)
        return redirect("web:transfer") if job is None else redirect("web:job", job.pk)
    kinds = [
        # Facts, not the classes: a template would call them.
        {"key": kind.key, "title": kind.title, "columns": kind.columns}
        for kind in importing.KINDS.values()
        if actor.has_permission(kind.permission)
    ]
    context = {
        "kinds": kinds,
        "zones": zone_choices(),
        "zone": read_company_zone(),
        "may_store": actor.has_permission(samples.WRITE),
        "most_rows": MOST_ROWS // 1_000_000,
        "most_mb": MOST_BYTES // (1 << 20),
    }
    return render(request, "web/transfer/page.html", context)


def _take(request: HttpRequest, actor: Any) -> Any:
    sent, word = request.FILES.get("file"), request.POST.get("upload", "")
    try:
        if word.isdecimal() and len(word) < 19:
            # The page's script has sent the file in parts.
            upload = files.get_upload(int(word), actor=actor)
        elif sent is not None:
            upload = files.store_upload(sent.name or "", sent, actor=actor)
        else:
            messages.error(request, _("Choose a file first."), extra_tags="bad")
            return None
        kind = request.POST.get("kind", "")
        if kind == "samples":
            return samples.start_import(actor=actor, upload=upload, zone=request.POST.get("zone", "")[:64])
        return importing.start_import(kind, actor=actor, upload=upload)
    except ForgelineError as error:
        _undo(request, error)
        return None


def _undo(request: HttpRequest, error: ForgelineError) -> None:
    """Say what is wrong; the row of the file goes with the request's transaction, its bytes with the next sweep."""
    transaction.set_rollback(True)
    messages.error(request, str(error), extra_tags="bad")


@needs(WRITE)
def template(request: HttpRequest, kind: str, form: str) -> HttpResponse:
    """Fetch an empty table."""
    _require_form(form)
    return as_file(importing.write_template(kind, form, actor=request.actor), kind, form)  # type: ignore[attr-defined]


@needs(WRITE)
def export(request: HttpRequest, kind: str, form: str) -> HttpResponse:
    """Fetch what there is as a table."""
    _require_form(form)
    return as_file(importing.write_export(kind, form, actor=request.actor), kind, form)  # type: ignore[attr-defined]


def _require_form(form: str) -> None:
    if form not in importing.FORMS:
        raise NotFoundError(_("There is nothing here that you may see."))


@require_POST
@needs(WRITE)
def apply_import(request: HttpRequest, job_id: int) -> HttpResponse:
    """Apply a table that was tried without a fault."""
    actor = request.actor  # type: ignore[attr-defined]
    try:
        tried = jobs.get_job(min(job_id, 2**62), actor=actor)
        apply = samples.store_tried if tried.kind == samples.KIND else importing.apply_tried
        job = apply(tried.pk, actor=actor)
    except ForgelineError as error:
        messages.error(request, str(error), extra_tags="bad")
        return redirect("web:transfer")
    return redirect("web:job", job.pk)


@needs(OWN)
def company_data(request: HttpRequest) -> HttpResponse:
    """Download everything, or have the company erased; what was asked for is called back here."""
    actor, fault = request.actor, ""  # type: ignore[attr-defined]
    if request.method == "POST":
        try:
            if "archive" in request.POST:
                return redirect("web:job", archive.start_archive(actor=actor).pk)
            if "back" in request.POST:
                erasure.call_back(actor=actor)
                messages.success(request, _("The erasure is called back; everything stays as it is."))
            else:
                erasure.ask_erasure(name=request.POST.get("name", "")[:200], actor=actor)
        except InvalidInputError as error:
            fault = str(error)
        except ForgelineError as error:
            messages.error(request, str(error), extra_tags="bad")
        if not fault:
            return redirect("web:company_data")
    context = {
        "fault": fault,
        "typed": request.POST.get("name", ""),
        "money": _money(),
        "company": Tenant.objects.get(),
        "asked": erasure.find_erasure(),
        "days": settings.ERASURE_GRACE_DAYS,
    }
    return render(request, "web/transfer/company.html", context, status=422 if fault else 200)


def _money() -> list[str]:
    """Say what is lost with the company, or still owed by it."""
    row = subscriptions.get_subscription()
    if row is None:
        return []
    told = []
    open_: dict[str, int] = {}
    for each in invoicing.list_invoices():
        if amount := invoicing.open_amount(each):
            open_[each.currency] = open_.get(each.currency, 0) + amount
    for currency, amount in sorted(open_.items()):
        told.append(
            _("%(amount)s of your invoices is open; it stays owed.") % {"amount": words(amount, currency)}
        )
    if row.balance:
        sentence = _(
            "%(amount)s is to your credit and is lost with the company: settle it with whoever runs the service."
        )
        told.append(sentence % {"amount": words(row.balance, row.currency)})
    if row.plan.key != subscriptions.FREE and row.state not in (State.TRIAL, State.CLOSED):
        sentence = _("%(plan)s is billed up to %(day)s; nothing of it is given back.")
        last = date_format(row.to_on - timedelta(days=1))
        told.append(sentence % {"plan": row.plan.title, "day": last})
    return told
