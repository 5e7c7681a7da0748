"""The page behind a machine's label: tell of a fault without signing in. Nothing else of the company is seen here."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from apps.health.services.faults import LEAST_TITLE, Label, read_label, report_fault
from apps.health.storing import MOST_BYTES
from forgeline.base.errors import ForgelineError, NotFoundError
from forgeline.identity.attempts import take_attempt
from forgeline.web.access import fault, put_faults

LOOKS = {"most": 120, "within_s": 600}
"""How often an address may open labels: enough for a shift at one machine, too little to guess tokens."""
BY_ADDRESS = {"most": 10, "within_s": 600}
BY_MACHINE = {"most": 20, "within_s": 3600}


class FaultForm(forms.Form):
    title = forms.CharField(
        label=gettext_lazy("What is wrong?"), max_length=160, min_length=LEAST_TITLE,
        widget=forms.TextInput(attrs={"autocomplete": "off", "enterkeyhint": "next"}),
    )  # fmt: skip
    text = forms.CharField(
        label=gettext_lazy("More about it"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )  # fmt: skip
    is_down = forms.BooleanField(label=gettext_lazy("The machine stands still"), required=False)
    photo = forms.FileField(
        label=gettext_lazy("Photo"), required=False,
        help_text=gettext_lazy("JPEG, PNG or WebP, at most 10 MB."),
        widget=forms.ClearableFileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
    )  # fmt: skip
    name = forms.CharField(
        label=gettext_lazy("Your name"), max_length=80, required=False,
        help_text=gettext_lazy("So that maintenance can ask you."),
    )  # fmt: skip


# The token on the label is the authority, whoever posts it; a scanner's own browser often keeps no cookie.
@csrf_exempt
@never_cache
def report(request: HttpRequest, token: str) -> HttpResponse:
    """Show the form of one machine; a POST makes a requested work order."""
    answer = _answer(request, token)
    answer["X-Robots-Tag"] = "noindex"
    return answer


def _answer(request: HttpRequest, token: str) -> HttpResponse:
    address = request.META.get("REMOTE_ADDR", "")
    if not take_attempt("health.label", address, **LOOKS):
        return _too_often(request)
    try:
        label = read_label(token)
    except NotFoundError as error:
        return fault(request, 404, _("There is nothing here"), str(error))
    if request.method != "POST":
        return _show(request, label, FaultForm())
    form = FaultForm(request.POST, request.FILES)
    if not form.is_valid():
        return _show(request, label, form, status=422)
    if not take_attempt("health.report.address", address, **BY_ADDRESS) or not take_attempt(
        "health.report.machine", str(label.asset_id), **BY_MACHINE
    ):
        return _too_often(request)
    photo = form.cleaned_data.pop("photo")
    given = dict(form.cleaned_data)
    if photo is not None:
        # One byte more than is taken says that it is too large.
        given |= {"photo": photo.read(MOST_BYTES + 1), "photo_name": photo.name}
    try:
        number = report_fault(token, address=address, **given)
    except ForgelineError as error:
        put_faults(form, error)
        if "content" in error.data.get("fields", {}):
            form.add_error("photo", str(error))
        return _show(request, label, form, status=error.status)
    return _show(request, label, None, number=number)


def _show(
    request: HttpRequest, label: Label, form: FaultForm | None, *, status: int = 200, number: int = 0
) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    context = {
        "label": label, "form": form, "number": number,
        "is_member": actor is not None and actor.tenant_id == label.tenant_id,
    }  # fmt: skip
    return render(request, "health/report.html", context, status=status)


def _too_often(request: HttpRequest) -> HttpResponse:
    return fault(
        request, 429, _("Too many reports at once"),
        _("Wait ten minutes, or call maintenance if it is urgent: what was reported before has arrived."),
    )  # fmt: skip
