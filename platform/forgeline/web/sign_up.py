"""Sign-up: a person, their company with its first plant, and a trial, made together or not at all."""

from __future__ import annotations

import unicodedata
from typing import Any
from zoneinfo import available_timezones

from allauth.account.forms import SignupForm
from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.utils.text import slugify
from django.utils.translation import get_language, gettext as _, gettext_lazy

from forgeline.assets import services as assets
from forgeline.assets.industries import INDUSTRIES
from forgeline.billing import subscriptions
from forgeline.billing.models import Currency
from forgeline.identity import services
from forgeline.identity.models import Role, User
from forgeline.identity.switches import begin_with
from forgeline.tenancy.scoping import tenant_scope


class SignUpForm(SignupForm):
    """What a new company is asked for; zone and currency are guessed from the language and the browser."""

    company = forms.CharField(label=gettext_lazy("Company"), max_length=120)
    name = forms.CharField(label=gettext_lazy("Your name"), max_length=120)
    industry = forms.ChoiceField(
        label=gettext_lazy("What you make"),
        choices=[(industry.key, industry.title) for industry in INDUSTRIES.values()],
        help_text=gettext_lazy(
            "Its machines come first in the lists, its modules are switched on. You change both later."
        ),
    )
    zone = forms.CharField(
        label=gettext_lazy("Time zone of the plant"), max_length=64, initial="Asia/Shanghai",
        widget=forms.TextInput(attrs={"list": "zones", "data-zone": ""}),
    )  # fmt: skip
    currency = forms.ChoiceField(label=gettext_lazy("Currency of invoices"), choices=Currency.choices)

    field_order = ["company", "name", "email", "password1", "industry", "zone", "currency"]

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        is_chinese = (get_language() or "").startswith("zh")
        self.fields["currency"].initial = Currency.CNY if is_chinese else Currency.EUR
        self.fields["password1"].help_text = _("At least ten characters.")
        for name in ("email", "password1"):
            self.fields[name].widget.attrs.pop("placeholder", None)
        self.zones = sorted(
            zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc")
        )

    def clean_zone(self) -> str:
        zone = str(self.cleaned_data["zone"]).strip()
        if zone not in available_timezones():
            raise forms.ValidationError(
                _("There is no time zone of this name; choose one such as Asia/Shanghai.")
            )
        return zone

    @transaction.atomic
    def save(self, request: HttpRequest) -> User:
        user: User = super().save(request)
        given = self.cleaned_data
        user.name, user.language = given["name"], get_language() or ""
        user.save(update_fields=["name", "language"])
        tenant = services.create_tenant(
            name=given["company"], slug=free_slug(given["company"]), language=get_language() or "en",
            industry=given["industry"],
        )  # fmt: skip
        services.add_member(tenant_id=tenant.pk, user=user, role=Role.OWNER)
        with tenant_scope(tenant.pk):
            assets.create_site(name=given["company"], zone=given["zone"])
            subscriptions.start_trial(currency=given["currency"], zone=given["zone"])
            begin_with(INDUSTRIES[given["industry"]].modules)
        return user


def free_slug(company: str) -> str:
    """Return a short name for a company; a name in other letters gets one by chance, as does one that is common."""
    plain = unicodedata.normalize("NFKD", company)
    return f"{slugify(plain)[:40] or 'company'}-{services.draw_letters(6)}"
