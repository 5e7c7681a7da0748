"""A tenant's rows are its own: by the manager, by row-level security, in raw SQL, nested and after errors."""

from __future__ import annotations

import pytest
from django.db import connection

from forgeline.assets.models import Site
from forgeline.tenancy.context import TenancyError
from forgeline.tenancy.scoping import list_tenant_ids, tenant_scope
from tests.conftest import Company


def _names_in_raw_sql() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM assets_site ORDER BY name")
        return [name for (name,) in cursor.fetchall()]


def _make_sites(company: Company, stranger: Company) -> None:
    for tenant_id, name in ((company.tenant_id, "Ours"), (stranger.tenant_id, "Theirs")):
        with tenant_scope(tenant_id):
            Site.objects.create(name=name)


def test_unscoped_query_is_refused_not_answered_with_nothing(company: Company) -> None:
    with pytest.raises(TenancyError):
        Site.objects.count()


def test_each_tenant_sees_its_own_rows_in_orm_and_raw_sql(company: Company, stranger: Company) -> None:
    _make_sites(company, stranger)
    with tenant_scope(company.tenant_id):
        assert [site.name for site in Site.objects.all()] == ["Ours"]
        assert _names_in_raw_sql() == ["Ours"]
    assert _names_in_raw_sql() == []


def test_scopes_nest_and_the_outer_one_returns(company: Company, stranger: Company) -> None:
    _make_sites(company, stranger)
    with tenant_scope(company.tenant_id):
        with tenant_scope(stranger.tenant_id):
            assert _names_in_raw_sql() == ["Theirs"]
        assert _names_in_raw_sql() == ["Ours"]


def test_scope_ends_with_an_error(company: Company, stranger: Company) -> None:
    _make_sites(company, stranger)
    with pytest.raises(RuntimeError, match="on purpose"), tenant_scope(company.tenant_id):
        raise RuntimeError("on purpose")
    assert _names_in_raw_sql() == []
    with pytest.raises(TenancyError):
        Site.objects.count()


def test_writing_into_another_tenant_is_refused_by_the_database(company: Company, stranger: Company) -> None:
    from django.db import ProgrammingError, transaction

    with (
        tenant_scope(company.tenant_id),
        pytest.raises(ProgrammingError, match="row-level security"),
        transaction.atomic(),
    ):
        Site.objects.create(name="Smuggled", tenant_id=stranger.tenant_id)


def test_workers_can_list_tenants_without_a_scope(company: Company, stranger: Company) -> None:
    assert {company.tenant_id, stranger.tenant_id} <= set(list_tenant_ids())
