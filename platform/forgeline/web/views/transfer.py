"""Data in and out in bulk: tables to fill in, files to send, exports to fetch."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from forgeline.base.errors import ForgelineError
from forgeline.jobs import files
from forgeline.transfer.sheets import importing
from forgeline.transfer.sheets_api import WRITE, as_file
from forgeline.web.access import needs


@needs(WRITE)
def transfer(request: HttpRequest) -> HttpResponse:
    """Show what can be imported and exported; take a table and have it tried."""
    actor = request.actor  # type: ignore[attr-defined]
    if request.method == "POST":
        job = _take(request, actor)
        return redirect("web:transfer") if job is None else redirect("web:job", job.pk)
    kinds = [kind for kind in importing.KINDS.values() if actor.has_permission(kind.permission)]
    return render(request, "web/transfer/page.html", {"kinds": kinds})


def _take(request: HttpRequest, actor: Any) -> Any:
    sent = request.FILES.get("file")
    try:
        if sent is None:
            messages.error(request, _("Choose a file first."), extra_tags="bad")
            return None
        upload = files.store_upload(sent.name or "", sent, actor=actor)
        return importing.start_import(request.POST.get("kind", ""), actor=actor, upload=upload)
    except ForgelineError as error:
        _undo(request, error)
        return None


def _undo(request: HttpRequest, error: ForgelineError) -> None:
    """Say what is wrong; the row of the file goes with the request's transaction, its bytes with the next sweep."""
    from django.db import transaction

    transaction.set_rollback(True)
    messages.error(request, str(error), extra_tags="bad")


@needs(WRITE)
def template(request: HttpRequest, kind: str, form: str) -> HttpResponse:
    """Fetch an empty table."""
    return as_file(importing.write_template(kind, form, actor=request.actor), kind, form)  # type: ignore[attr-defined]


@needs(WRITE)
def export(request: HttpRequest, kind: str, form: str) -> HttpResponse:
    """Fetch what there is as a table."""
    return as_file(importing.write_export(kind, form, actor=request.actor), kind, form)  # type: ignore[attr-defined]


@require_POST
@needs(WRITE)
def apply_import(request: HttpRequest, job_id: int) -> HttpResponse:
    """Apply a table that was tried without a fault."""
    actor = request.actor  # type: ignore[attr-defined]
    try:
        job = importing.apply_tried(min(job_id, 2**62), actor=actor)
    except ForgelineError as error:
        messages.error(request, str(error), extra_tags="bad")
        return redirect("web:transfer")
    return redirect("web:job", job.pk)
