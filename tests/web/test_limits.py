"""What branches forbid is neither offered nor opened; and moments that belong to no plant are said alike everywhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.test import Client

from forgeline.assets.services import create_asset, create_site
from forgeline.identity.models import Membership
from forgeline.tenancy.scoping import tenant_scope
from forgeline.web.times import read_company_zone, say_end, say_moment
from tests.conftest import Company


def test_whoever_is_limited_to_a_line_is_not_offered_the_plant(
    company: Company, sign_in: Callable[[Any], Client]
) -> None:
    with tenant_scope(company.tenant_id):
        site = create_site(name="North", zone="Asia/Shanghai")
        hall = create_asset(site_id=site.pk, level="area", name="Hall")
        line = create_asset(site_id=site.pk, parent_id=hall.pk, level="line", name="Line One")
        create_asset(site_id=site.pk, parent_id=hall.pk, level="line", name="Line Two")
        Membership.objects.filter(user=company.viewer).update(role="engineer", branches=[line.path])
    client = sign_in(company.viewer)
    page = client.get("/setup/").content.decode()
    for path in (
        "/setup/plants/new/", f"/setup/plants/{site.pk}/", f"/setup/plants/{site.pk}/calendar/",
        f"/setup/assets/{hall.pk}/",
    ):  # fmt: skip
        assert f'href="{path}"' not in page, path
        answer = client.get(path)
        assert answer.status_code == 403, path
        assert "outside the parts of the plant" in answer.content.decode()
    assert f'href="/setup/assets/{line.pk}/"' in page
    # Beneath its own line it builds, and nowhere else.
    form = client.get(f"/setup/plants/{site.pk}/assets/new/?parent={line.pk}").content.decode()
    assert ("Line One" in form, "Line Two" in form, ">Hall<" in form) == (True, False, False)
    given = {"parent": str(line.pk), "level": "work_unit", "name": "Press"}
    assert client.post(f"/setup/plants/{site.pk}/assets/new/", given).status_code == 302
    given = {"parent": str(hall.pk), "name": "Line Three"}
    assert client.post(f"/setup/assets/{line.pk}/", {**given, "parent": ""}).status_code == 403
    assert client.post(f"/setup/assets/{line.pk}/", given).status_code == 302


def test_moments_stand_on_the_companys_clock_and_a_midnight_ends_its_day(company: Company) -> None:
    at = datetime(2026, 12, 5, 16, tzinfo=UTC)
    with tenant_scope(company.tenant_id):
        assert read_company_zone() == "UTC"
        create_site(name="Works", zone="Asia/Shanghai")
        assert read_company_zone() == "Asia/Shanghai"
    assert say_moment(at, "Asia/Shanghai") == "2026-12-06 00:00"
    assert say_end(at, "Asia/Shanghai") == "2026-12-05 23:59"
    # Nobody's own clock is named.
    assert (say_moment(at, "UTC"), say_end(at, "UTC")) == ("2026-12-05 16:00 UTC", "2026-12-05 16:00 UTC")
