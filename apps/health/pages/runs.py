"""Runs of the model jobs: how far the present hour is, what is at work, what ended how, and how long it took."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from apps.health.models import ModelRun
from apps.health.pages.frame import page
from apps.health.queries.runs import RunState, last_hour_over, list_runs, read_progress, seconds_of, state_of
from apps.health.rules import VIEW
from forgeline.base import clock
from forgeline.tenancy.context import current_branches

MOST_SHOWN = 40
_TONES = {
    RunState.RUNNING: "running", RunState.DONE: "idle", RunState.FAILED: "down", RunState.BROKEN_OFF: "warn",
}  # fmt: skip


@page(VIEW)
def runs(request: HttpRequest) -> HttpResponse:
    """The present hour, machines that are behind, the last runs; asks for itself anew every few seconds."""
    now = clock.now()
    over = last_hour_over(now)
    progress = read_progress(over)
    rows = [_row(run, state_of(run, now)) for run in list_runs()[:MOST_SHOWN]]
    at_work = [row for row in rows if row["state"] is RunState.RUNNING]
    context = {
        "tab": "runs", "progress": progress, "percent": round(progress.share * 100), "over": over, "at_work": at_work,
        "rows": [row for row in rows if row["state"] is not RunState.RUNNING], "most_behind": progress.behind[:20],
        "more_behind": max(0, len(progress.behind) - 20), "shows_runs": not current_branches.get(),
        "pause_s": 3 if at_work or progress.behind else 20,
    }  # fmt: skip
    part = "health/parts/runs.html" if request.headers.get("HX-Request") else "health/runs.html"
    return render(request, part, context)


def _row(run: ModelRun, state: RunState) -> dict[str, Any]:
    words = {
        RunState.RUNNING: _("at work"),
        RunState.DONE: _("ended"),
        RunState.FAILED: _("failed"),
        RunState.BROKEN_OFF: _("broken off; the next run goes on where it stopped"),
    }
    return {
        "run": run, "state": state, "word": words[state], "tone": _TONES[state],
        "percent": round(100 * run.done / run.due) if run.due else 100,
        "seconds": seconds_of(run),
    }  # fmt: skip
