"""What people call a plant, a machine, a point, in each of their languages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from forgeline.assets import services
from forgeline.assets.models import Asset, Point
from forgeline.base.errors import InvalidInputError
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company


@pytest.fixture
def press(company: Company) -> Asset:
    with tenant_scope(company.tenant_id):
        site = services.create_site(name="Works", names={"zh-hans": "工厂"})
        return services.create_asset(
            site_id=site.pk, level="work_unit", name="Press 1", names={"zh-hans": "1 号压力机", "en": " "},
            profile="press", with_points=True,
        )  # fmt: skip


def test_a_reader_sees_the_name_in_his_language_else_the_name(press: Asset) -> None:
    for language, title in (("zh-hans", "1 号压力机"), ("en", "Press 1")):
        with translation.override(language):
            assert press.title == title
    assert press.names == {"zh-hans": "1 号压力机"}


def test_points_of_a_profile_have_its_names(company: Company, press: Asset) -> None:
    with tenant_scope(company.tenant_id):
        point = Point.objects.get(asset=press, key="parts_total")
    with translation.override("zh-hans"):
        assert point.title == "生产数量"


@pytest.mark.parametrize("names", [{"fr": "Presse"}, {"en": 1}, {"en": "x" * 121}, ["Press"], "Press"])
def test_names_that_are_none_are_refused(company: Company, press: Asset, names: Any) -> None:
    with tenant_scope(company.tenant_id), pytest.raises(InvalidInputError, match="by language"):
        services.update_asset(asset_id=press.pk, names=names)


def test_the_form_and_the_api_change_them(
    company: Company, press: Asset, sign_in: Callable[[Any], Client]
) -> None:
    page = sign_in(company.manager)
    path = f"/setup/assets/{press.pk}/"
    assert "1 号压力机" in page.get(path).content.decode()
    given = {"name": "Press 1", "name_zh_hans": "一号压力机", "parent": "", "profile": "press"}
    assert page.post(path, given).status_code == 302
    headers = {"Authorization": f"Bearer {company.manager_key}"}
    told = Client().get(f"/api/v1/assets/{press.pk}/", headers=headers).json()
    assert told["names"] == {"zh-hans": "一号压力机"}
    refused = Client().patch(
        f"/api/v1/assets/{press.pk}/",
        {"names": {"fr": "P"}},
        content_type="application/json",
        headers=headers,
    )
    assert refused.status_code == 400
    page.cookies["django_language"] = "zh-hans"
    assert "一号压力机" in page.get(f"/machines/{press.pk}/").content.decode()
