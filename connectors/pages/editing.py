"""Adding and changing a connection, with test before save and trust of a server's certificate. Not here: the form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from connectors import forms, probing, queries, serializers, services
from connectors.contract import CheckStep, ConnectorSpec
from connectors.models import Connection
from connectors.pages.access import EDIT, actor_of, needs
from connectors.pages.listing import list_kinds
from connectors.services.connections import require_spec
from connectors.wording import step_name, translate_sentence
from forgeline.base.errors import ForgelineError


@require_http_methods(["GET", "POST"])
@needs(EDIT)
def add_connection(request: HttpRequest, kind: str) -> HttpResponse:
    """Make a connection of one kind."""
    spec = require_spec(kind)
    if request.method != "POST":
        return _render_form(request, spec, None, name="", values={}, faults={})
    name, options = request.POST.get("name", "").strip(), forms.read_fields(spec, request.POST, {})
    try:
        row = services.create_connection(kind=kind, name=name, options=options, actor=actor_of(request))
    except ForgelineError as error:
        return _render_form(
            request, spec, None, name=name, values=options, faults=_faults(error), sentence=str(error)
        )
    messages.success(request, _("%(name)s is saved; it starts within seconds.") % {"name": name})
    return redirect("connectors:browse" if spec.can_browse else "connectors:detail", row.pk)


@require_http_methods(["GET", "POST"])
@needs(EDIT)
def edit_connection(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Change a connection."""
    row = queries.get_connection(connection_id)
    spec = require_spec(row.kind)
    present = services.show_options(row)
    if request.method != "POST":
        return _render_form(request, spec, row, name=row.name, values=present, faults={})
    name, options = request.POST.get("name", "").strip(), forms.read_fields(spec, request.POST, present)
    try:
        services.update_connection(connection_id=row.pk, name=name, options=options, actor=actor_of(request))
    except ForgelineError as error:
        return _render_form(
            request, spec, row, name=name, values=options, faults=_faults(error), sentence=str(error)
        )
    messages.success(request, _("%(name)s is saved; it starts anew within seconds.") % {"name": name})
    return redirect("connectors:detail", row.pk)


@require_POST
@needs(EDIT)
def test_connection(request: HttpRequest, kind: str) -> HttpResponse:
    """Try what the form holds and show each step; nothing is saved."""
    spec = require_spec(kind)
    number = request.POST.get("connection", "")
    row = queries.get_connection(int(number)) if number.isdigit() else None
    typed = forms.read_fields(spec, request.POST, services.show_options(row) if row else {})
    try:
        options = probing.complete_options(kind, typed, row.pk if row else None)
        steps = probing.check_source(spec, options)
    except ForgelineError as error:
        context = {"sentence": str(error), "faults": _labelled(spec, _faults(error))}
        return render(request, "connectors/_test.html", context)
    return render(
        request, "connectors/_test.html", {"steps": [_shown(step) for step in steps], **_verdict(steps)}
    )


def _verdict(steps: Sequence[CheckStep]) -> dict[str, Any]:
    untrusted = next((step for step in steps if step.data.get("key") == "opcua.untrusted_certificate"), None)
    return {
        "ok": bool(steps) and all(step.ok for step in steps),
        "untrusted": {**untrusted.data, "groups": group_digits(untrusted.data["fingerprint"])}
        if untrusted
        else None,
    }


def group_digits(fingerprint: str) -> str:
    """Return a fingerprint in groups of four, as a person compares it."""
    return " ".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))


def _shown(step: CheckStep) -> dict[str, Any]:
    rendered = serializers.render_steps([step])["steps"][0]
    return {**rendered, "title": step_name(step.name), "values": step.data.get("values")}


def _faults(error: ForgelineError) -> dict[str, list[str]]:
    fields = error.data.get("fields")
    return dict(fields) if isinstance(fields, dict) else {}


def _labelled(spec: ConnectorSpec, faults: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Return what is wrong as (label of the field, sentence)."""
    labels = {field.name: field.label for field in forms.list_fields(spec, {})}
    return [
        (labels.get(name, name), translate_sentence(str(each)))
        for name, sentences in faults.items()
        for each in sentences
    ]


def _render_form(
    request: HttpRequest, spec: ConnectorSpec, row: Connection | None, *, name: str, values: Mapping[str, Any],
    faults: Mapping[str, Sequence[str]], sentence: str = "",
) -> HttpResponse:  # fmt: skip
    fields = forms.list_fields(spec, values, faults)
    context = {
        "row": row,
        "spec": spec,
        "title": translate_sentence(spec.title),
        "summary": translate_sentence(spec.summary),
        "kinds": list_kinds(),
        "name": name,
        "name_faults": faults.get("name", []),
        "fields": [field for field in fields if not field.is_advanced],
        "advanced": [field for field in fields if field.is_advanced],
        "is_advanced_open": any(field.faults for field in fields if field.is_advanced),
        "sentence": sentence,
    }
    return render(request, "connectors/form.html", context, status=422 if faults or sentence else 200)
