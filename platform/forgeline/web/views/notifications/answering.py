"""The page behind the link in a message: who answers what, and one click that does it. Works without signing in.

Mail scanners follow links, so looking (GET) changes nothing; only the confirmation (POST) answers.
"""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from forgeline.base.errors import ForgelineError
from forgeline.notifications import answering
from forgeline.notifications.links import LinkError
from forgeline.web.access import fault, put_faults


class NameForm(forms.Form):
    """A group's message does not know who reads it."""

    name = forms.CharField(label=gettext_lazy("Your name"), max_length=80)


# The signed link is the authority, whoever posts it; a mail program's own browser often keeps no cookie.
@csrf_exempt
@never_cache
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a link is about; answer it by POST."""
    # The message's language, unless the reader has chosen one in this browser.
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    language = chosen if chosen in dict(settings.LANGUAGES) else ""
    try:
        question = answering.read_question(token, language)
    except LinkError as error:
        if error.is_expired:
            text = _("Links in messages are good for seven days. Sign in to answer.")
            return fault(request, 410, _("This link has expired"), text)
        text = _("Copy the whole link from the message, or sign in to answer.")
        return fault(request, 404, _("This link is not complete or not ours"), text)
    user_id, known = _who(request, question)
    with translation.override(question.language):
        form = NameForm(request.POST or None) if not known else None
        is_valid = form is None or form.is_valid()
        status = 200
        if request.method == "POST" and is_valid and not question.is_settled:
            name = known or (form.cleaned_data["name"].strip() if form is not None else "")
            try:
                question = answering.answer(token, user_id=user_id, name=name, language=language)
            except ForgelineError as error:
                status = error.status
                if form is not None:
                    put_faults(form, error)
                context = {"question": question, "form": form, "known": known, "fault": str(error)}
                return render(request, "web/notifications_answer.html", context, status=status)
        elif request.method == "POST" and not is_valid:
            status = 422
        context = {"question": question, "form": form, "known": known}
        answered = render(request, "web/notifications_answer.html", context, status=status)
    answered["Content-Language"] = question.language
    answered["X-Robots-Tag"] = "noindex"
    return answered


def _who(request: HttpRequest, question: answering.Question) -> tuple[int | None, str]:
    """Return who answers: whom the message went to, else who is signed in at that company, else nobody known."""
    if question.user_id is not None:
        return question.user_id, question.name
    actor = request.actor  # type: ignore[attr-defined]
    if actor is not None and actor.tenant_id == question.tenant_id and actor.user_id is not None:
        return actor.user_id, actor.label
    return None, ""
