"""A machine's page as its device profile lays it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from forgeline.assets import services
from forgeline.assets.models import Point
from forgeline.assets.profiles import PROFILES
from forgeline.tenancy.scoping import tenant_scope
from forgeline.web.layouts import check_section, layout_of
from tests.conftest import Company


@pytest.mark.parametrize("key", sorted(PROFILES))
def test_every_profile_says_what_is_read_from_a_distance(key: str) -> None:
    kinds = {point.key: point.kind for point in PROFILES[key].points}
    layout = layout_of(key)
    assert len(layout.tiles) >= 4
    assert 1 <= len(layout.chart) <= 3
    assert {kinds[each] for each in layout.chart} == {"gauge"}


def test_faults_of_a_section_are_told() -> None:
    assert check_section({"tiles": ["a"], "chart": ["b"]}, ("a",)) == ["there is no point b."]
    assert check_section({"tiles": list("abcdefg")}, tuple("abcdefg")) == ["at most 6 tiles and 6 lines."]
    assert len(check_section({"tiles": 5}, ())) == 1
    assert len(check_section({"tyles": []}, ())) == 1
    assert layout_of("nobody's") == layout_of("")


def test_the_page_begins_with_the_tiles_and_the_chart_of_the_profile(
    company: Company, sign_in: Callable[[Any], Any]
) -> None:
    with tenant_scope(company.tenant_id):
        site = services.create_site(name="Works")
        pump, bare = (
            services.create_asset(
                site_id=site.pk, level="work_unit", name=name, profile=profile, with_points=bool(profile)
            )
            for name, profile in (("P 1", "pump"), ("X", ""))
        )
        ids = dict(Point.objects.filter(asset=pump).values_list("key", "pk"))
        Point.objects.filter(pk=ids["flow"]).delete()
        Point.objects.create(asset=bare, name="Level", key="level")
    answer = sign_in(company.manager).get(f"/machines/{pump.pk}/")
    shown = [row["point"].key for row in answer.context["tiles"]]
    assert shown == [key for key in layout_of("pump").tiles if key != "flow"]
    assert answer.context["shown"] == [ids["discharge_pressure"], ids["vibration"]]
    assert answer.content.decode().count('class="readouts"') == 1
    answer = sign_in(company.manager).get(f"/machines/{pump.pk}/?points={ids['power']}")
    assert answer.context["shown"] == [ids["power"]]
    assert b'class="readouts"' not in sign_in(company.manager).get(f"/machines/{bare.pk}/").content
