"""How long the company's raw samples are kept."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy

from forgeline.base.errors import InvalidInputError
from forgeline.telemetry.maintenance import MINUTES_KEPT_DAYS, read_storage
from forgeline.telemetry.retention import MIN_DAYS, get_retention, set_raw_days
from forgeline.web.access import needs, put_faults


class RetentionForm(forms.Form):
    raw_days = forms.FloatField(label=gettext_lazy("Days of raw samples"))
    sure = forms.BooleanField(
        label=gettext_lazy("Delete older raw samples; they do not come back"), required=False
    )


@needs("telemetry.manage")
def history(request: HttpRequest) -> HttpResponse:
    """Show what is kept and until when the disk has room, and change the days; shortening asks first."""
    kept = get_retention()
    form = RetentionForm(request.POST or None, initial={"raw_days": f"{kept.raw_days:g}"})
    form.fields["raw_days"].widget.attrs.update({"min": MIN_DAYS, "max": kept.longest_days, "step": "any"})
    if request.method == "POST" and form.is_valid():
        days = form.cleaned_data["raw_days"]
        if MIN_DAYS <= days < kept.raw_days and not form.cleaned_data["sure"]:
            form.add_error("sure", _("Tick this to keep fewer days than now."))
        else:
            try:
                now_kept = set_raw_days(days)
            except InvalidInputError as error:
                put_faults(form, error)
            else:
                messages.success(
                    request,
                    _("Raw samples are now kept for %(days)g days.") % {"days": now_kept.raw_days},
                )
                return redirect("web:history")
    return render(
        request,
        "web/history.html",
        {"form": form, "kept": kept, "minute_days": MINUTES_KEPT_DAYS, "storage": read_storage()},
    )
