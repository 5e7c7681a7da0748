"""Grants for a part of the plant: the database shows and takes nothing outside it, whoever asks and however."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.db.utils import ProgrammingError
from rest_framework.test import APIClient

from forgeline.alarms.models import Alarm
from forgeline.assets import services
from forgeline.assets.models import Asset, Device, Point, Site
from forgeline.base.errors import InvalidInputError, NotFoundError
from forgeline.identity import people
from forgeline.identity.keys import make_key
from forgeline.identity.models import Membership
from forgeline.identity.policy import Actor, permissions_of
from forgeline.telemetry.models import StateInterval
from forgeline.tenancy.scoping import released_scope, tenant_scope
from tests.conftest import Company

TABLES = {"assets_asset", "assets_point", "assets_device", "assets_devicecredential", "assets_site",
          "assets_shift", "assets_calendarday", "telemetry_stateinterval", "alarms_alarm", "alarms_journalentry",
          "alarms_rule", "alarms_ruleversion", "alarms_trial", "alarms_alarmreport"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Floor:
    """Two lines with a press each, beneath one area; a second plant."""

    area: Asset
    one: Asset
    two: Asset
    press_one: Asset
    press_two: Asset
    other_site: Site


@pytest.fixture
def floor(company: Company) -> Iterator[Floor]:
    with tenant_scope(company.tenant_id):
        site = services.create_site(name="North")
        other = services.create_site(name="South")
        area = services.create_asset(site_id=site.pk, level="area", name="Hall")
        lines = [
            services.create_asset(site_id=site.pk, parent_id=area.pk, level="line", name=name)
            for name in ("One", "Two")
        ]
        presses = [
            services.create_asset(
                site_id=site.pk, parent_id=line.pk, level="work_unit", name=f"Press {line.name}"
            )
            for line in lines
        ]
        for asset in (area, *presses):
            services.create_point(asset_id=asset.pk, key="power", unit="kW")
            services.create_device(name="", key=f"d{asset.pk}", asset_id=asset.pk)
        services.create_device(name="", key="nowhere")
        yield Floor(area, *lines, *presses, other)


def count_of(model: Any) -> int:
    return int(model.objects.count())


def test_a_branch_shows_itself_and_the_names_above_it_and_nothing_else(
    company: Company, floor: Floor
) -> None:
    with tenant_scope(company.tenant_id, branches=[floor.one.path]):
        assert set(Asset.objects.values_list("name", flat=True)) == {"Hall", "One", "Press One"}
        assert list(Site.objects.values_list("name", flat=True)) == ["North"]
        assert list(Point.objects.values_list("asset_id", flat=True)) == [floor.press_one.pk]
        assert list(Device.objects.values_list("asset_id", flat=True)) == [floor.press_one.pk]
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM assets_point")
            assert cursor.fetchone() == (1,)
    assert count_of(Point) == 3


def test_scope_within_a_scope_never_widens_it_and_the_outer_one_returns(
    company: Company, floor: Floor
) -> None:
    with tenant_scope(company.tenant_id, branches=[floor.one.path, floor.two.path]):
        assert count_of(Point) == 2
        with tenant_scope(company.tenant_id):
            assert count_of(Point) == 2
        with tenant_scope(company.tenant_id, branches=[floor.two.path]):
            assert count_of(Point) == 1
        with released_scope():
            pass
        assert count_of(Point) == 2


def test_nothing_is_written_outside_a_branch(company: Company, floor: Floor) -> None:
    with tenant_scope(company.tenant_id, branches=[floor.one.path]):
        made = services.create_asset(
            site_id=floor.one.site_id, parent_id=floor.one.pk, level="work_unit", name="Press three"
        )
        services.create_point(asset_id=made.pk, key="power", unit="kW")
        assert Asset.objects.filter(pk=floor.area.pk).update(name="Mine") == 0
        assert Asset.objects.filter(pk=floor.press_two.pk).delete()[0] == 0
        with pytest.raises(NotFoundError):
            services.create_point(asset_id=floor.press_two.pk, key="more")
    for write in (
        lambda: services.create_asset(
            site_id=floor.one.site_id, parent_id=floor.area.pk, level="line", name="Three"
        ),
        lambda: services.create_site(name="West"),
        lambda: services.move_asset(asset_id=floor.press_one.pk, parent_id=floor.area.pk),
    ):
        with (
            pytest.raises(ProgrammingError, match="row-level security"),
            tenant_scope(company.tenant_id, branches=[floor.one.path]),
        ):
            write()


def test_every_table_of_a_machine_is_walled(company: Company, floor: Floor) -> None:
    """Taken from the catalogue: a new table that belongs to an asset, a plant or a point must be decided on."""
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT c.relname, bool_or(p.polname LIKE 'branches%')
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            LEFT JOIN pg_policy p ON p.polrelid = c.oid
            WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
              AND a.attname IN ('asset_id', 'site_id', 'path')
              AND has_table_privilege('forgeline_app', c.oid, 'SELECT')
            GROUP BY c.relname
        """)
        walled = dict(cursor.fetchall())
    # Who is told of what is for the manager to say: a message is for the people it is addressed to.
    addressed = {"notifications_notice", "notifications_roster", "notifications_route"}
    assert {name for name, is_walled in walled.items() if not is_walled} == addressed
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT polrelid::regclass::text FROM pg_policy WHERE polname LIKE 'branches%'"
        )
        assert {row[0] for row in cursor.fetchall()} >= TABLES


def test_grants_follow_a_branch_that_moves(company: Company, floor: Floor) -> None:
    boss = Actor(
        company.tenant_id, "manager", user_id=company.manager.pk, permissions=permissions_of("manager")
    )
    member = Membership.objects.get(user=company.viewer)
    people.change_role(member.pk, role="engineer", branches=[floor.press_one.path], actor=boss)
    services.move_asset(asset_id=floor.press_one.pk, parent_id=floor.two.pk)
    member.refresh_from_db()
    floor.press_one.refresh_from_db()
    assert member.branches == [floor.press_one.path]
    assert floor.press_one.path.startswith(floor.two.path)


def test_branches_are_checked(company: Company, floor: Floor) -> None:
    boss = Actor(company.tenant_id, "owner", user_id=company.manager.pk, permissions=permissions_of("owner"))
    member = Membership.objects.get(user=company.viewer)
    for branches, role in ((["/999999/"], "viewer"), (["'; --"], "viewer"), ([floor.one.path], "owner")):
        with pytest.raises(InvalidInputError) as caught:
            people.change_role(member.pk, role=role, branches=branches, actor=boss)
        assert "branches" in caught.value.data["fields"]
    nested = people.change_role(
        member.pk, role="viewer", branches=[floor.press_one.path, floor.one.path], actor=boss
    )
    assert nested.branches == [floor.one.path]


def test_a_limited_key_sees_its_branch_in_the_api_and_writes_nowhere_else(
    company: Company, floor: Floor
) -> None:
    boss = Actor(
        company.tenant_id, "manager", user_id=company.manager.pk, permissions=permissions_of("manager")
    )
    _row, key = make_key(name="line one", role="engineer", branches=[floor.one.path], actor=boss)
    theirs = Point.objects.get(asset=floor.press_two)
    Alarm.objects.create(
        asset=floor.press_two, key="hot", definition={}, is_out=True, is_active=True, since_us=1, changed_us=1
    )
    client = APIClient(headers={"Authorization": f"Bearer {key}"}, raise_request_exception=False)
    assert {row["name"] for row in client.get("/api/v1/assets/").json()["results"]} == {
        "Hall",
        "One",
        "Press One",
    }
    assert client.get("/api/v1/alarms/").json()["results"] == []
    assert client.get(f"/api/v1/points/{theirs.pk}/").status_code == 404
    assert (
        client.patch(f"/api/v1/assets/{floor.area.pk}/", {"name": "Mine"}, format="json").status_code == 403
    )
    assert (
        client.patch(f"/api/v1/assets/{floor.press_two.pk}/", {"name": "x"}, format="json").status_code == 404
    )
    assert client.delete(f"/api/v1/plants/{floor.one.site_id}/").status_code == 403
    assert client.delete(f"/api/v1/assets/{floor.area.pk}/").status_code == 403
    assert (
        client.put(
            f"/api/v1/plants/{floor.one.site_id}/special-days/",
            {"on": "2026-10-10", "is_working": True},
            format="json",
        ).status_code
        == 403
    )
    denied = client.post(
        "/api/v1/assets/", {"plant": floor.one.site_id, "level": "line", "name": "x"}, format="json"
    )
    assert (denied.status_code, denied.json()["key"]) == (403, "identity.outside_branch")
    posted = client.post(
        "/api/v1/samples/", {"point": [theirs.pk], "ts": [None], "value": [1.0]}, format="json"
    )
    assert posted.json()["reasons"] == [{"row": 0, "reason": "telemetry.unknown_point"}]
    for path in ("connections/", "api-keys/", "members/", "roles/", "routes/"):
        assert client.get(f"/api/v1/{path}").status_code == 403, path
    assert client.get("/api/v1/me/").json()["branches"] == [floor.one.path]
    assert not StateInterval.objects.exists()
