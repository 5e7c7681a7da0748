"""Every table that carries a tenant is behind forced row-level security, whatever migration made it."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connections, models

from forgeline.tenancy.models import TenantModel

pytestmark = pytest.mark.django_db(databases=["default", "owner"])

NOT_BY_ROW: dict[str, str] = {}
"""Table → why it has a tenant column and no policy."""


def rows(sql: str) -> list[tuple[object, ...]]:
    """Return what the owner's connection answers."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def test_every_table_with_a_tenant_column_is_forced() -> None:
    found = rows(
        "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity"
        " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
    )
    assert found, "no table carries a tenant?"
    open_tables = [
        name for name, enabled, forced in found if not (enabled and forced) and name not in NOT_BY_ROW
    ]
    assert open_tables == []


def test_every_policy_of_a_tenant_holds_for_every_role() -> None:
    """A tenant policy with TO would leave the owner's views empty, and a role that is not named without a wall."""
    named = rows(
        "SELECT tablename, policyname, roles::text[] FROM pg_policies WHERE schemaname = 'public'"
        " AND qual LIKE '%forgeline.tenant_id%' AND roles <> '{public}'"
    )
    assert named == []


def test_every_policy_reads_the_setting_with_nullif() -> None:
    """Without NULLIF an empty setting is an error in the midst of a query instead of an empty answer."""
    bare = rows(
        "SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'public'"
        " AND (qual LIKE '%forgeline.tenant_id%' AND qual NOT ILIKE '%nullif%')"
    )
    assert bare == []


def test_every_model_with_a_tenant_refuses_an_unscoped_query() -> None:
    stray = [
        model._meta.label
        for model in apps.get_models()
        if any(
            isinstance(field, models.ForeignKey) and field.name == "tenant"
            for field in model._meta.local_fields
        )
        if not issubclass(model, TenantModel)
    ]
    assert stray == []


def test_no_role_of_ours_is_above_the_law() -> None:
    above = rows(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'forgeline\\_%' AND (rolsuper OR rolbypassrls)"
    )
    assert above == []


def test_every_change_of_a_model_has_its_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
