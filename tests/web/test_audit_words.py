"""The audit's page: each audited column has a word, and what stands in it is said by names, titles and amounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.utils import translation

from forgeline.assets.services import create_asset, create_site
from forgeline.audit.queries import read_tables
from forgeline.audit.recorder import record
from forgeline.billing.models import Subscription
from forgeline.identity.models import Membership
from forgeline.tenancy.scoping import tenant_scope
from forgeline.web.audit_values import Wording
from forgeline.web.audit_words import find_model, find_word, is_telling
from tests.conftest import Company

_NO_MODEL = {"telemetry.retention": ["raw_days", "chosen_days"]}
_NEVER_TOLD = {"id", "tenant_id", "created_at"}


@pytest.mark.django_db
def test_every_column_of_every_audited_table_has_a_word() -> None:
    tables = read_tables()
    assert {"assets.plant", "billing.subscription", "connectors.binding", "health.work_order"} <= set(tables)
    assert {table.name for table in tables.values()} <= {
        model._meta.db_table for model in apps.get_models()
    } | {"telemetry_retention"}
    wordless = []
    for kind, table in tables.items():
        model = find_model(kind)
        columns = [field.attname for field in model._meta.concrete_fields] if model else _NO_MODEL[kind]
        wordless += [
            f"{kind}.{column}"
            for column in columns
            if column not in table.left_out | _NEVER_TOLD
            and is_telling(column)
            and find_word(kind, column) is None
        ]
    assert wordless == []


def test_keys_are_said_by_their_titles(company: Company) -> None:
    with tenant_scope(company.tenant_id), translation.override("en"):
        say = Wording("UTC").value
        assert say("identity.member", "role", "owner") == "Owner"
        assert say("assets.point", "role", "machine.hours") == "Running hours"
        assert say("tenancy.company", "industry", "metal_forming") == "Metal forming and stamping"
        assert say("jobs.job", "kind", "transfer.erasure") == "Erasure of the company"
        assert say("billing.subscription", "plan_id", "professional") == "Professional"
        assert say("assets.asset", "profile", "cnc") != "cnc"
        assert say("assets.shift", "weekdays", [1, 7]) == "Mon, Sun"
        assert say("identity.role", "permissions", ["alarms.view"]) == "Alarms: look"
        # What has no title stays as it is kept.
        assert say("identity.member", "role", "own-gone") == "own-gone"


def test_the_page_names_what_ids_point_at(company: Company, sign_in: Callable[[Any], Client]) -> None:
    with tenant_scope(company.tenant_id):
        site = create_site(name="Works", zone="Asia/Shanghai")
        hall = create_asset(site_id=site.pk, name="Hall Seven", level="area")
        create_asset(site_id=site.pk, parent_id=hall.pk, name="Press", level="work_unit")
        row = Membership.objects.filter(role="viewer").first()
        assert row is not None
        row.branches = [hall.path]
        row.save()
        record("billing.subscription.changed", changes={"balance": [105894, 74200]})
        record("assets.point.changed", subject="gone", changes={"asset_id": [None, 999_999]})
        record("entitlements.feature.changed", subject="identity.partners", changes={"is_on": [None, False]})
        currency = Subscription.objects.values_list("currency", flat=True).first() or ""
    text = sign_in(company.manager).get("/company/audit/").content.decode()
    for said in ("Works", "Hall Seven", f"{currency} 742.00".strip(), "999999", "Letting partners in"):
        assert f"<bdi>{said}</bdi>" in text, said
    for raw in (hall.path, "74200", "identity.partners"):
        assert raw not in text


def test_what_is_no_day_is_said_and_makes_no_file(company: Company, sign_in: Callable[[Any], Client]) -> None:
    client = sign_in(company.manager)
    page = client.get("/company/audit/?from=2026-13-40&to=soon").content.decode()
    assert "“2026-13-40” is not a day" in page
    assert "“soon” is not a day" in page
    assert "is not a day" not in client.get("/company/audit/?from=2026-01-31").content.decode()
    assert client.get("/company/audit/?from=2026-13-40&csv").status_code == 422
