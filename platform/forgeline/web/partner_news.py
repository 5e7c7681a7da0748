"""Tell a partner's owners of an access that is given, changed or over. Not here: when (identity.partners)."""

from __future__ import annotations

from django.conf import settings
from django.utils import translation
from django.utils.translation import get_language, gettext as _

from forgeline.base import clock
from forgeline.identity.models import Ending, PartnerGrant
from forgeline.identity.own_roles import name_role
from forgeline.identity.partner_news import News
from forgeline.notifications.owners import tell_owners
from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.models import Tenant
from forgeline.tenancy.scoping import tenant_scope
from forgeline.web.grant_forms import branch_titles, say_part
from forgeline.web.times import read_company_zone, say_end


def tell(grant: PartnerGrant, news: News) -> None:
    """Write the message into the partner's outbox, in the customer's own words for its roles and parts."""
    now, words = clock.now(), {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            words[language] = _words(grant, news)
    with tenant_scope(grant.partner_id, branches=()):
        if not Tenant.objects.filter(closed_at=None).exists():
            # It is being erased: nothing new is to be written there.
            return
        tell_owners(
            lambda: words[get_language() or settings.LANGUAGE_CODE], subject=f"access:{grant.pk}:{news}",
            kind="partner.access", priority="medium", happened_at=now,
            # Only a partner has the list of customers.
            path="/companies/" if grant.ending == Ending.NO_PARTNER else "/customers/",
        )  # fmt: skip


def _words(grant: PartnerGrant, news: News) -> tuple[str, str]:
    facts = {
        "customer": Tenant.objects.get(pk=require_tenant_id()).name,
        "role": name_role(grant.role),
        "part": say_part(grant.branches, branch_titles()),
        "until": say_end(grant.expires_at, read_company_zone()),
    }
    if news == News.ENDED:
        title = _("You may not come to %(customer)s any more") % facts
        if grant.ending == Ending.NO_PARTNER:
            return title, _("The operator of the service says that your company is no partner any more.")
        if grant.ending == Ending.TAKEN_BACK:
            return title, _("The access as %(role)s, for %(part)s, was taken back.") % facts
        return title, _(
            "The access as %(role)s, for %(part)s, is over; it was given until %(until)s."
        ) % facts
    body = _("Your people may act there as %(role)s, for %(part)s, until %(until)s.") % facts
    if grant.reason:
        body += " " + _("What for: %(reason)s") % {"reason": grant.reason}
    if news == News.CHANGED:
        return _("%(customer)s has changed what your people may do there") % facts, body
    return _("%(customer)s lets your people in") % facts, body
