"""The live list: what is open, what is silent and why, and answers to many at once."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _, gettext_lazy, ngettext_lazy
from django.views.decorators.http import require_POST

from forgeline.alarms import queries, services
from forgeline.alarms.definitions import PRIORITY_NAMES
from forgeline.alarms.queries import VIEWS
from forgeline.assets.queries import list_sites
from forgeline.base import clock
from forgeline.base.errors import ForgelineError, InvalidInputError
from forgeline.notifications.queries import list_people
from forgeline.web.access import needs
from forgeline.web.alarm_rows import make_rows

VIEW, ANSWER, EDIT = "alarms.view", "alarms.acknowledge", "alarms.edit"
MOST_ROWS = 200
VIEW_WORDS = {
    "open": gettext_lazy("Open"),
    "unacknowledged": gettext_lazy("Not acknowledged"),
    "shelved": gettext_lazy("Shelved"),
    "suppressed": gettext_lazy("Suppressed by design"),
    "out_of_service": gettext_lazy("Out of service"),
    "all": gettext_lazy("All that ever came"),
}
SHELF_TIMES = (
    (30, gettext_lazy("30 min")), (60, gettext_lazy("1 h")), (480, gettext_lazy("8 h")),
    (1440, gettext_lazy("24 h")), (10080, gettext_lazy("7 d")),
)  # fmt: skip
MOST_CHARACTERS = 500
DONE = {
    "acknowledge": ngettext_lazy("%(n)d alarm acknowledged.", "%(n)d alarms acknowledged.", "n"),
    "shelve": ngettext_lazy("%(n)d alarm shelved.", "%(n)d alarms shelved.", "n"),
    "unshelve": ngettext_lazy("%(n)d alarm taken off the shelf.", "%(n)d alarms taken off the shelf.", "n"),
    "put_out_of_service": ngettext_lazy(
        "%(n)d alarm taken out of service.", "%(n)d alarms taken out of service.", "n"
    ),
    "return_to_service": ngettext_lazy(
        "%(n)d alarm returned to service.", "%(n)d alarms returned to service.", "n"
    ),
    "comment": ngettext_lazy("Remark written on %(n)d alarm.", "Remark written on %(n)d alarms.", "n"),
    "assign": ngettext_lazy("%(n)d alarm assigned.", "%(n)d alarms assigned.", "n"),
}
"""What an answer did, said in the list."""
_REFUSED = "forgeline.alarm_answer"
"""What was ticked and written in an answer that was refused, until the page that it came from is shown again."""


@needs(VIEW)
def alarms(request: HttpRequest) -> HttpResponse:
    """List alarms of a view, the most urgent first; the address holds the filter."""
    view = request.GET.get("view", "open")
    view = view if view in VIEWS else "open"
    sites = list(list_sites())
    site_id = number_of(request.GET.get("plant", ""))
    priority = request.GET.get("priority", "")
    search = request.GET.get("q", "")[:80].replace("\x00", "")
    narrowed: dict[str, Any] = {
        "site_id": site_id if site_id in {site.pk for site in sites} else None,
        "priorities": [priority] if priority in PRIORITIES else [],
        "search": search,
    }
    titles = {site.pk: site.title for site in sites}
    found = list(queries.list_alarms(view, **narrowed)[: MOST_ROWS + 1])
    context = {
        "tab": "live",
        "view": view,
        "tabs": _tabs(narrowed, view),
        "rows": make_rows(found[:MOST_ROWS]),
        "floods": [
            {**flood, "plant": titles.get(flood["site_id"], "")}
            for flood in queries.list_floods_now(clock.now())
        ],
        "unjudged": queries.count_unjudged(),
        "has_more": len(found) > MOST_ROWS,
        "most": MOST_ROWS,
        "sites": sites,
        "site_id": narrowed["site_id"],
        "priorities": PRIORITIES.items(),
        "priority": priority if priority in PRIORITIES else "",
        "q": search,
        "is_narrowed": bool(search or priority or site_id),
        **answer_context(request),
    }
    inner = request.headers.get("HX-Target") == "alarms"
    return render(request, "web/alarms/parts/list.html" if inner else "web/alarms/live.html", context)


PRIORITIES = {priority.value: word for priority, word in PRIORITY_NAMES.items()}


def number_of(word: str) -> int | None:
    """Return an id from an address; None for what is none."""
    return int(word) if word.isdecimal() and len(word) < 19 else None


def answer_context(request: HttpRequest) -> dict[str, Any]:
    """Return what the bar with the answers needs."""
    actor = request.actor  # type: ignore[attr-defined]
    may_answer = actor.has_permission(ANSWER)
    # Once, and by the page that holds the bar: a refresh of the list would take it away unseen.
    given = request.session.pop(_REFUSED, None) if "HX-Request" not in request.headers else None
    return {
        "may_answer": may_answer,
        "given": {"minutes": "60", **(given or {})},
        "may_edit_rules": actor.has_permission(EDIT),
        "shelf_times": SHELF_TIMES,
        "people": [(person.pk, str(person)) for person in list_people()] if may_answer else [],
        "back": request.get_full_path(),
    }


def _tabs(narrowed: dict[str, Any], view: str) -> list[dict[str, Any]]:
    """Return the views with how many alarms each holds: one query."""
    rows = queries.list_alarms("all", **narrowed).order_by()
    counts = rows.aggregate(
        **{each: Count("pk", filter=queries.condition_of(each) or Q(pk__isnull=False)) for each in VIEWS}
    )
    return [
        {"key": each, "title": VIEW_WORDS[each], "count": counts[each], "is_here": each == view}
        for each in VIEWS
        if each in ("open", "unacknowledged", "all", view) or counts[each]
    ]


@require_POST
@needs(ANSWER)
def answer(request: HttpRequest) -> HttpResponse:
    """Answer the chosen alarms: acknowledge, shelve, take out of service, comment, assign; then back to the page."""
    ids = [int(word) for word in request.POST.getlist("alarm") if number_of(word) is not None]
    deed = request.POST.get("deed", "")
    # A button of one row answers that row, whatever else is ticked.
    if deed.startswith("acknowledge:"):
        deed, _colon, word = deed.partition(":")
        ids = [int(word)] if number_of(word) is not None else []
    try:
        if not ids:
            raise InvalidInputError(_("Tick the alarms first."))
        count = _do(request, deed, ids)
    except ForgelineError as error:
        messages.error(request, str(error))
        fields = {name: request.POST.get(name, "")[:MOST_CHARACTERS] for name in ("text", "minutes", "user")}
        written = {name: word for name, word in fields.items() if word}
        request.session[_REFUSED] = {"alarms": ids[:MOST_ROWS], **written}
    else:
        messages.success(request, DONE[deed] % {"n": count} if count else _("There was nothing left to do."))
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = reverse("web:alarms")
    return HttpResponseRedirect(back)


def _do(request: HttpRequest, deed: str, ids: list[int]) -> int:
    actor = request.actor  # type: ignore[attr-defined]
    text = request.POST.get("text", "")
    if deed == "acknowledge":
        return services.acknowledge(ids, actor=actor, text=text)
    if deed == "shelve":
        minutes = number_of(request.POST.get("minutes", "")) or 0
        return services.shelve(ids, minutes=minutes, reason=text, actor=actor)
    if deed == "unshelve":
        return services.unshelve(ids, actor=actor)
    if deed == "put_out_of_service":
        return services.put_out_of_service(ids, reason=text, actor=actor)
    if deed == "return_to_service":
        return services.return_to_service(ids, actor=actor)
    if deed == "comment":
        return services.comment(ids, text=text, actor=actor)
    if deed == "assign":
        user_id = number_of(request.POST.get("user", ""))
        return services.assign(ids, user_id=user_id, actor=actor)
    raise InvalidInputError(_("Choose what to do with them."))
