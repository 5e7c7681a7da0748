"""Jobs of the company: how far each is, what came of it, its files."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from forgeline.base import clock
from forgeline.base.errors import ForgelineError
from forgeline.jobs import api, services
from forgeline.jobs.models import Job, State
from forgeline.modules.registry import find_job_kind
from forgeline.transfer.samples.exporting import VIEW as EXPORT
from forgeline.web.access import needs
from forgeline.web.times import read_company_zone

ROWS = 100
TONES = {
    State.WAITING: "idle", State.RUNNING: "setup", State.DONE: "running", State.FAILED: "down",
    State.CANCELLED: "off",
}  # fmt: skip


@never_cache
@needs(api.VIEW)
def jobs(request: HttpRequest) -> HttpResponse:
    """List the jobs that the reader may see; the list keeps itself up to date while one is open."""
    actor = request.actor  # type: ignore[attr-defined]
    zone = read_company_zone()
    rows = [row_of(job, actor, zone) for job in services.list_jobs(actor)[:ROWS]]
    context = {
        "rows": rows, "is_busy": any(row["is_moving"] for row in rows), "zone": zone,
        "may_export": actor.has_permission(EXPORT),
    }  # fmt: skip
    return render(request, "web/jobs/rows.html" if request.htmx else "web/jobs/list.html", context)  # type: ignore[attr-defined]


@never_cache
@needs(api.VIEW)
def job(request: HttpRequest, job_id: int) -> HttpResponse:
    """Show one job; call it off, or forget it."""
    actor = request.actor  # type: ignore[attr-defined]
    row = services.get_job(min(job_id, 2**62), actor=actor)
    if request.method == "POST":
        try:
            if "cancel" in request.POST:
                services.cancel(row.pk, actor=actor)
                messages.success(request, _("Stopped. Nothing half done is left."))
            elif "forget" in request.POST:
                services.forget(row.pk, actor=actor)
                return redirect("web:jobs")
        except ForgelineError as error:
            messages.error(request, str(error), extra_tags="bad")
        return redirect("web:job", row.pk)
    shown = row_of(row, actor, read_company_zone())
    result = row.result or {}
    faults = result.get("faults") or []
    context = {
        **shown,
        "row": shown,
        "result": result,
        "counts": list((result.get("counts") or {}).items()),
        "faults": faults,
        "has_columns": any(fault.get("column") or fault.get("cell") != fault.get("row") for fault in faults),
        "more_faults": max(0, int(result.get("fault_count") or 0) - len(faults)),
        "may_apply": row.state == State.DONE
        and bool(result.get("can_apply"))
        and actor.has_permission(row.permission),
    }
    return render(request, "web/jobs/body.html" if request.htmx else "web/jobs/one.html", context)  # type: ignore[attr-defined]


@needs(api.VIEW)
def job_file(request: HttpRequest, job_id: int, file_id: int) -> HttpResponseBase:
    """Fetch a file of a job."""
    actor = request.actor  # type: ignore[attr-defined]
    return api.send(services.get_job(min(job_id, 2**62), actor=actor), min(file_id, 2**62))


def row_of(job: Job, actor: Any, zone: str) -> dict[str, Any]:
    """Return what a page says of a job."""
    kind = find_job_kind(job.kind)
    is_own = (job.user_id, job.api_key_id) == (actor.user_id, actor.api_key_id)
    may_stop = (is_own and actor.has_permission(api.WRITE)) or actor.has_permission(services.MANAGE)
    waits = job.state == State.WAITING and job.due_at > clock.now() and job.started_at is None
    lacks = _say_lacks(job)
    return {
        "job": job,
        "title": kind.title if kind else job.kind,
        "tone": "warn" if lacks else TONES[State(job.state)],
        "lacks": lacks,
        "at": _local(job.created_at, zone),
        "ended": job.finished_at and _local(job.finished_at, zone),
        "begins": _local(job.due_at, zone) if waits else "",
        "is_moving": job.is_open and not waits,
        "may_stop": may_stop and job.is_open,
        "may_forget": may_stop and not job.is_open,
        "files": [each for each in job.files.all() if each.is_complete],
        "zone": zone,
    }


def _say_lacks(job: Job) -> str:
    """Return what a job that went through left undone; '' for nothing: a trial or an import of which all was refused
    is not simply done.
    """
    result = job.result or {}
    if job.state != State.DONE or not result.get("fault_count"):
        return ""
    refused, taken = result.get("refused"), result.get("accepted")
    if refused is None:
        return _("nothing taken, %(n)d faults") % {"n": result["fault_count"]}
    if not taken:
        return _("nothing taken, %(n)d refused") % {"n": refused}
    return _("done, %(n)d refused") % {"n": refused}


def _local(at: Any, zone: str) -> str:
    return str(at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S"))
