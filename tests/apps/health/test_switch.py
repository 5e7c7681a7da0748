"""A module that is off is not there for its company; one that is not installed leaves a whole platform behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.test import Client

from apps.health.tasks import make_due_orders
from forgeline.audit.models import Entry
from forgeline.entitlements import rights
from forgeline.tenancy.scoping import tenant_scope
from tests import bring
from tests.apps.health.conftest import Api, Order, api_of
from tests.conftest import Company

SignIn = Callable[[Any], Client]


@pytest.fixture
def off(company: Company, api: Api) -> None:
    api.put("modules/", {"module": "health", "is_on": False})


def test_a_company_switches_a_module_off_and_on(
    company: Company, api: Api, viewer_api: Api, new_order: Order
) -> None:
    order = new_order()
    (module,) = api.put("modules/", {"module": "health", "is_on": False})
    assert (module["module"], module["is_on"], module["is_in_plan"]) == ("health", False, True)
    refused = api.get("work-orders/", status=403)
    assert refused["key"] == "entitlements.module_off"
    assert "Company, Modules" in refused["detail"]
    viewer_api.put("modules/", {"module": "health", "is_on": True}, status=403)
    api.put("modules/", {"module": "magic", "is_on": True}, status=404)
    api.put("modules/", {"module": "health", "is_on": True})
    assert api.get(f"work-orders/{order['id']}/")["title"] == order["title"]
    with tenant_scope(company.tenant_id):
        entries = Entry.objects.filter(action="identity.module.switched").order_by("id")
        assert [entry.changes for entry in entries] == [{"is_on": [True, False]}, {"is_on": [False, True]}]


@pytest.mark.usefixtures("off")
def test_what_is_off_shows_no_navigation_no_card_and_no_panel(
    company: Company, sign_in: SignIn, machine: int
) -> None:
    client = sign_in(company.manager)
    for address in ("/", f"/machines/{machine}/", "/company/modules/"):
        said = client.get(address).content.decode()
        assert "/health/" not in said, address
    page = client.get("/health/orders/")
    assert page.status_code == 403
    assert "switched off" in page.content.decode()
    assert (
        client.post("/company/modules/", {"module": "health", "is_on": "1"}, follow=True).status_code == 200
    )
    assert client.get("/health/orders/").status_code == 200


def test_a_plan_that_does_not_hold_the_module_says_so(company: Company, api: Api, sign_in: SignIn) -> None:
    with tenant_scope(company.tenant_id):
        rights.set_rights(limits={}, modules=[])
    assert api.get("spare-parts/", status=402)["key"] == "entitlements.module_not_in_plan"
    assert (
        api.put("modules/", {"module": "health", "is_on": True}, status=402)["key"]
        == "entitlements.module_not_in_plan"
    )
    assert sign_in(company.manager).get("/health/").status_code == 402
    with tenant_scope(company.tenant_id):
        rights.set_rights(limits={}, modules=["health"])
    assert api.get("spare-parts/")["results"] == []


def test_what_is_off_does_nothing(company: Company, api: Api, machine: int) -> None:
    body = {
        "asset": machine, "name": "x", "trigger": "calendar", "every": 1, "every_unit": "day", "first_on": "2999-01-01"
    }  # fmt: skip
    plan = api.post("maintenance-plans/", body)
    api.put("modules/", {"module": "health", "is_on": False})
    with tenant_scope(company.tenant_id):
        from apps.health.models import MaintenancePlan

        MaintenancePlan.objects.update(first_on="2025-01-05")
    make_due_orders()
    api.put("modules/", {"module": "health", "is_on": True})
    assert api.get("work-orders/")["results"] == []
    make_due_orders()
    (order,) = api.get("work-orders/")["results"]
    assert order["plan"] == plan["id"]


def test_switching_is_for_who_manages_people(company: Company) -> None:
    api_of(company.viewer_key).get("modules/")
    api_of(company.viewer_key).put("modules/", {"module": "health", "is_on": False}, status=403)


_WITHOUT = """
from forgeline.conf import building
building.MODULES.clear()
import django
django.setup()
from django.core.management import call_command
from django.conf import settings
call_command("check")
call_command("migrate", database="owner", verbosity=0)
call_command("makemigrations", check=True, dry_run=True, verbosity=0)
settings.ALLOWED_HOSTS = ["*"]
from django.test import Client
from forgeline.assets import services as assets
from forgeline.identity import services as identity
from forgeline.identity.keys import create_api_key
from forgeline.tenancy.scoping import tenant_scope
tenant = identity.create_tenant(name="A", slug="a")
user = identity.create_user(email="a@example.com", password="a-long-password", name="A")
identity.add_member(tenant_id=tenant.pk, user=user, role="owner")
key = create_api_key(tenant_id=tenant.pk, name="k", role="manager")[1]
with tenant_scope(tenant.pk):
    site = assets.create_site(name="Works")
    machine = assets.create_asset(site_id=site.pk, level="work_unit", name="Press", profile="press", with_points=True)
client = Client()
client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
for address in ("/", f"/machines/{machine.pk}/", "/setup/", "/company/modules/", "/company/webhooks/"):
    page = client.get(address)
    assert page.status_code == 200, (address, page.status_code)
    assert "/health/" not in page.content.decode(), address
assert client.get("/health/").status_code == 404
program = Client(headers={"Authorization": f"Bearer {key}"})
assert program.get("/api/v1/modules/").json() == []
assert program.get("/api/v1/work-orders/").json()["key"] == "base.not_found"
assert program.get("/api/v1/assets/").status_code == 200
from drf_spectacular.generators import SchemaGenerator
paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
assert "/api/v1/assets/" in paths and "/api/v1/work-orders/" not in paths
print("whole")
"""


def test_a_platform_without_the_module_boots_migrates_and_answers(
    services: bring.Services, tmp_path: Path
) -> None:
    from forgeline.tenancy.roles import provision

    provision(services.admin_url, dbname="test_without_modules", passwords=bring.PASSWORDS)
    try:
        environment = services.environment("test_without_modules", tmp_path / "var")
        ran = subprocess.run(
            [sys.executable, "-c", _WITHOUT],
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert ran.stdout.strip().endswith("whole"), ran.stdout + ran.stderr
    finally:
        with psycopg.connect(services.admin_url, autocommit=True) as admin:
            admin.execute("DROP DATABASE IF EXISTS test_without_modules WITH (FORCE)")
