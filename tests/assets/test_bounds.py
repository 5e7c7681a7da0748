"""What no plant has: intervals beyond any, zones that are none, days of another century. Refused with a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from forgeline.assets import services
from forgeline.assets.models import Asset, Site
from forgeline.base.errors import InvalidInputError
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company


@pytest.fixture
def machine(company: Company) -> Iterator[Asset]:
    with tenant_scope(company.tenant_id):
        site = services.create_site(name="Works", zone="Asia/Shanghai")
        yield services.create_asset(site_id=site.pk, level="work_unit", name="Press")


@pytest.mark.parametrize("interval_s", [0, -1, 1e-9, 1e300])
def test_a_point_is_expected_within_a_month(machine: Asset, interval_s: float) -> None:
    with pytest.raises(InvalidInputError, match="between a millisecond and 31 days"):
        services.create_point(asset_id=machine.pk, key="power", name="Power", expected_interval_s=interval_s)


@pytest.mark.parametrize("zone", ["Asia", "Moon", "", "../etc"])
def test_a_zone_is_one_of_the_database_of_zones(machine: Asset, zone: str) -> None:
    with pytest.raises(InvalidInputError, match="no time zone of this name"):
        services.create_site(name="Moon base", zone=zone)
    assert Site.objects.count() == 1


def test_a_special_day_is_of_this_century(machine: Asset) -> None:
    with pytest.raises(InvalidInputError, match="2000 to 2100"):
        services.set_day(site_id=machine.site_id, on=date(9999, 12, 31), is_working=False)
