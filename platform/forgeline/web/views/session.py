"""Signing in and out, a forgotten password, the first owner of an empty installation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from allauth.account.views import LoginView
from django import forms
from django.conf import settings
from django.contrib.auth import login, views
from django.contrib.auth.forms import PasswordResetForm, SetPasswordForm
from django.contrib.auth.password_validation import validate_password
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.text import slugify
from django.utils.translation import get_language, gettext, gettext_lazy as _

from forgeline.base.errors import ForgelineError
from forgeline.identity import services
from forgeline.identity.attempts import REFUSED, take_attempt
from forgeline.identity.models import Role, User
from forgeline.web.access import fault, put_faults

_FIRST_OWNER_LOCK = 0x464C4F57


class SignIn(LoginView):
    """E-mail and password, or a passkey; a second factor is asked for where the person has one."""

    template_name = "web/sign_in.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not User.objects.exists():
            return redirect("web:first_owner")
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer

    def get_form(self, form_class: Any = None) -> forms.Form:
        form: forms.Form = super().get_form(form_class)
        form.fields["login"].label = _("E-mail")
        form.fields["login"].widget.attrs = {"autocomplete": "username webauthn", "autofocus": True}
        form.fields["password"].widget.attrs = {"autocomplete": "current-password"}
        # The way to a new password stands at the foot of the page.
        form.fields["password"].help_text = ""
        return form

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "is_open": settings.SIGN_UP}


def locked_out(request: HttpRequest, *_given: Any, **_named: Any) -> HttpResponse:
    """Say that an account rests after too many tries; axes calls it in place of the sign-in page."""
    REFUSED.labels("sign_in").inc()
    text = _("There were eight tries with a wrong password. Wait 15 minutes, or ask for a new password.")
    answer = fault(request, 429, gettext("This account rests"), str(text))
    answer["Retry-After"] = str(int(settings.AXES_COOLOFF_TIME * 3600))
    return answer


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that a form came without its token, or from elsewhere; Django calls it and logs the reason."""
    text = _(
        "The page was open for too long, or the form came from another site. Load the page again and repeat it."
    )
    return fault(request, 403, gettext("This form is not valid any more"), str(text))


class AnyonesResetForm(PasswordResetForm):
    """Whoever a company's provider brought has no password yet, and gets one by the proof of the mailbox."""

    def get_users(self, email: str) -> Iterator[User]:
        return User.objects.filter(email=email.strip().lower(), is_active=True).iterator()


class ResetPassword(views.PasswordResetView):
    """Sends a link, and says the same whether the address is known or not, or has had its links for this hour."""

    template_name = "web/password_reset.html"
    email_template_name = "web/password_reset_email.txt"
    subject_template_name = "web/password_reset_subject.txt"
    form_class = AnyonesResetForm
    success_url = reverse_lazy("web:password_reset_done")

    def form_valid(self, form: Any) -> HttpResponse:
        address, caller = form.cleaned_data["email"], self.request.META.get("REMOTE_ADDR", "")
        may = take_attempt("password_reset_caller", caller, most=30, within_s=3600)
        if may and take_attempt("password_reset", address, most=3, within_s=3600):
            return super().form_valid(form)
        return redirect(self.get_success_url())


class ResetSent(views.PasswordResetDoneView):
    template_name = "web/password_sent.html"


class NewPassword(views.PasswordResetConfirmView):
    template_name = "web/password_new.html"
    form_class: Any = SetPasswordForm
    success_url = reverse_lazy("web:password_reset_complete")


class PasswordChanged(views.PasswordResetCompleteView):
    template_name = "web/password_changed.html"


class FirstOwnerForm(forms.Form):
    """The company and its first manager."""

    company = forms.CharField(label=_("Company"), max_length=120)
    name = forms.CharField(label=_("Your name"), max_length=120)
    email = forms.EmailField(label=_("E-mail"))
    password = forms.CharField(
        label=_("Password"), strip=False, help_text=_("At least ten characters."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        validate_password(password)
        return password


def first_owner(request: HttpRequest) -> HttpResponse:
    """Make the first company and manager; open only while the installation has no account at all."""
    if User.objects.exists():
        return redirect("web:sign_in")
    form = FirstOwnerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = _make_first_owner(form.cleaned_data)
        except ForgelineError as error:
            put_faults(form, error)
        else:
            if user is None:
                return redirect("web:sign_in")
            login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            return redirect("web:start")
    return render(request, "web/first_owner.html", {"form": form})


def _make_first_owner(given: dict[str, str]) -> User | None:
    """Two who open the page at once must not both become the first: the second finds the first and is sent away."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_FIRST_OWNER_LOCK])
        if User.objects.exists():
            return None
        language = get_language() or "en"
        slug = slugify(given["company"]) or "company"
        tenant = services.create_tenant(name=given["company"], slug=slug, language=language)
        user = services.create_user(
            email=given["email"], password=given["password"], name=given["name"], language=language
        )
        services.add_member(tenant_id=tenant.pk, user=user, role=Role.OWNER)
        return user
