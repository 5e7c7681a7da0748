"""A partner's owners hear of each access: given, changed, taken back, over; in their language, by bell and e-mail."""

from __future__ import annotations

from datetime import timedelta

from forgeline.assets import services as assets
from forgeline.base import clock
from forgeline.identity import belongings, partners
from forgeline.identity.models import Membership, PartnerGrant
from forgeline.notifications.models import Delivery, Notice, Via
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company, name_kind
from tests.identity.visits import SignIn, boss_of, let_in


def told(company: Company, language: str = "en") -> list[tuple[str, str]]:
    with tenant_scope(company.tenant_id):
        rows = Notice.objects.filter(kind="partner.access").order_by("pk")
        return [(row.title[language], row.body[language]) for row in rows]


def own(company: Company) -> None:
    with tenant_scope(company.tenant_id):
        Membership.objects.filter(user=company.manager).update(role="owner")


def test_a_partner_hears_of_what_becomes_of_its_access(
    live_company: Company, partner: Company, sign_in: SignIn
) -> None:
    own(partner)
    with tenant_scope(live_company.tenant_id):
        site = assets.create_site(name="North", zone="Asia/Shanghai")
        press = assets.create_asset(site_id=site.pk, level="work_unit", name="Press 1")
    let_in(live_company, role="viewer", branches=[press.path], reason="commissioning")
    grant = let_in(live_company, role="engineer")
    # A button pressed twice is no news.
    let_in(live_company, role="engineer", expires_at=grant.expires_at)
    with tenant_scope(live_company.tenant_id):
        for _press in range(2):
            partners.revoke_grant(grant.pk, actor=boss_of(live_company))
    titles, bodies = zip(*told(partner), strict=True)
    assert titles == (
        "Alice Stamping lets your people in", "Alice Stamping has changed what your people may do there",
        "You may not come to Alice Stamping any more",
    )  # fmt: skip
    assert bodies[0].startswith("Your people may act there as Viewer, for Press 1, until ")
    assert bodies[0].endswith("What for: commissioning")
    assert "as Engineer, for the whole company" in bodies[1]
    assert bodies[2] == "The access as Engineer, for the whole company, was taken back."
    assert all(
        title != words
        for (title, _b), (words, _w) in zip(told(partner), told(partner, "zh-hans"), strict=True)
    )
    with tenant_scope(partner.tenant_id):
        sent = Delivery.objects.filter(notice__kind="partner.access", user_id=partner.manager.pk)
        assert sent.filter(via=Via.BELL).count() == 3
        assert sent.filter(via=Via.EMAIL).count() == 3
        assert not Delivery.objects.filter(user_id=partner.viewer.pk).exists()
    assert told(live_company) == []
    assert (
        "Alice Stamping lets your people in"
        in sign_in(partner.manager).get("/notifications/").content.decode()
    )


def test_a_partner_hears_that_its_time_is_over_and_that_it_is_none_any_more(
    live_company: Company, partner: Company
) -> None:
    own(partner)
    let_in(live_company)
    with tenant_scope(live_company.tenant_id):
        PartnerGrant.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    assert (belongings.end_grants(), belongings.end_grants()) == (1, 0)
    assert told(partner)[-1][1].startswith("The access as Engineer, for the whole company, is over;")
    let_in(live_company)
    assert told(partner)[-1][0] == "Alice Stamping lets your people in"
    name_kind(partner.tenant_id, "company")
    assert belongings.end_grants() == 1
    assert "no partner any more" in told(partner)[-1][1]
    with tenant_scope(partner.tenant_id):
        assert Notice.objects.order_by("-pk")[0].path == "/companies/"
