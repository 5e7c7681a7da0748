"""Who sells: the operator as invoices name it, and where they are paid to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from forgeline.base.errors import ForgelineError
from forgeline.billing import console
from forgeline.billing.models import Currency, Seller
from forgeline.identity.policy import Actor
from forgeline.identity.roles import OPERATE
from forgeline.web.access import needs, put_faults


class SellerForm(forms.ModelForm):
    """Name, address, tax number, and an account for each currency."""

    class Meta:
        model = Seller
        fields = ["title", "address", "tax_number"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for currency in Currency.values:
            label = _("Bank and account for %(currency)s") % {"currency": currency}
            self.fields[f"bank_{currency}"] = forms.CharField(label=label, max_length=200, required=False)


@never_cache
@needs(OPERATE)
def seller(request: HttpRequest) -> HttpResponse:
    """Show who sells, and take it."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    present = console.get_seller(actor=actor)
    accounts = {f"bank_{currency}": word for currency, word in present["bank"].items()}
    form = SellerForm(request.POST or None, initial={**present, **accounts})
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        bank = {currency: given.pop(f"bank_{currency}") for currency in Currency.values}
        try:
            console.set_seller(**given, bank=bank, actor=actor)
        except ForgelineError as error:
            put_faults(form, error)
        else:
            messages.success(request, _("Saved: it stands on invoices from now on."))
            return redirect("web:operator_seller")
    context = {"form": form, "has_account": bool(accounts)}
    return render(request, "web/operator/seller.html", context, status=422 if form.errors else 200)
