"""Words of the delivery log and of errors: why something did not go, what a priority is called. No logic."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

REASONS: dict[str, Any] = {
    "quiet": _("Quiet hours: it goes when they end"),
    "digest": _("Collected with others of low priority"),
    "limit": _("Over the limit of ten minutes: told in one message with the others"),
    "settled": _("Answered or over before it was due"),
    "nobody_on_duty": _("Nobody is on duty by this roster now; the next step was taken at once"),
    "not_member": _("This person is no longer a member of the company"),
    "channel_off": _("The channel is switched off"),
    "no_route": _("No route wanted this message; the bell rang for every manager"),
    "unanswered": _("Nobody answered for seven days; the escalation ended"),
    "worker_lost": _("The worker ended before it told what came of it; tried again with the same key"),
    "gone": _("The channel or the person is gone"),
    "secret_unreadable": _("The platform's secret key has changed; enter the address again"),
    "address_unreadable": _("This is no web address; copy it as a whole, beginning with https://"),
    "address_with_password": _("The address holds a user or a password; take it out"),
    "address_not_https": _("The address must begin with https://"),
    "address_private": _("The address leads into a private network, which this installation does not allow"),
    "host_unknown": _("The name in the address is not known; check its spelling"),
    "no_answer": _("There was no answer within ten seconds"),
    "not_reached": _("The other side could not be reached"),
    "tls_failed": _("The other side's certificate cannot be trusted"),
    "redirected": _("The other side sends elsewhere, and redirects are not followed; enter the final address"),
    "refused": _("The other side refused it"),
    "refused_for_now": _("The other side refused it for now"),
    "not_understood": _("The answer is not that of such a robot; is the address the right one?"),
    "mailbox_refused": _("The mail server refused this mailbox"),
    "mail_refused": _("The mail server refused the message"),
    "mail_sign_in_refused": _("The mail server refused the platform's own user and password"),
    "mail_server_away": _("The mail server could not be reached"),
    "fault": _("Forgeline failed at this; its log says why"),
}  # fmt: skip
"""Key → sentence. Every reason of a delivery, an attempt or a refused address is one of these."""


def reason_words(reason: str) -> str:
    """Return the sentence of a reason in the reader's language; the key itself where it is none."""
    return str(REASONS.get(reason, reason))


PRIORITY_MARKS: dict[str, Any] = {
    "critical": _("Critical"),
    "high": _("High"),
    "medium": _("Medium"),
    "low": _("Low"),
}
