"""Words for what the building keeps by keys: permissions, audited fields and their values, the times of keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from forgeline.assets.services import create_site
from forgeline.identity.models import ApiKey
from forgeline.modules.registry import list_manifests
from forgeline.tenancy.scoping import tenant_scope
from forgeline.web.audit_values import Wording
from forgeline.web.audit_words import field_word
from forgeline.web.grant_forms import permission_word
from forgeline.web.views.sso import _domains_in
from tests.conftest import Company


@pytest.mark.parametrize(("language", "letters"), [("en", "[a-z ,]+"), ("zh-hans", ".*[\u4e00-\u9fff].*")])
def test_every_permission_is_said_in_words(language: str, letters: str) -> None:
    declared = {
        permission
        for manifest in list_manifests()
        for some in (manifest.permissions, *manifest.kind_permissions.values())
        for permission in some
    }
    assert "health.request" in declared
    with translation.override(language):
        raw = {each for each in declared if not re.fullmatch(letters, permission_word(each))}
    assert raw == set()


@pytest.mark.django_db
def test_audited_fields_and_values_are_said_as_people_read_them() -> None:
    with translation.override("zh-hans"):
        for kind, column in (
            ("assets.point", "decimals"), ("health.model", "trained_at"), ("identity.key", "expires_at"),
            ("assets.plant", "zone"), ("health.work_order", "asset_id"),
        ):  # fmt: skip
            assert re.search("[\u4e00-\u9fff]", field_word(kind, column)), (kind, column)
    with translation.override("en"):
        shanghai, say = Wording("Asia/Shanghai"), Wording("UTC").value
        assert (
            shanghai.value("health.model", "trained_at", "2026-01-05T16:30:12.5+00:00")
            == "2026-01-06 00:30:12"
        )
        assert say("assets.point", "kind", 2) == "State"
        assert say("identity.session", "way", "sso") == "single sign-on"
        assert say("assets.asset", "names", {"en": "Press", "zh-hans": "压力机"}) == "Press"
        assert say("x.y", "z", True) == "yes"
        assert say("x.y", "z", [1, 2]) == "1, 2"
        assert field_word("x.y", "some_column") == "some_column"


def test_a_key_ends_on_the_plants_clock(company: Company, sign_in: Callable[[Any], Client]) -> None:
    with tenant_scope(company.tenant_id):
        create_site(name="Works", zone="Asia/Shanghai")
    client = sign_in(company.manager)
    assert "Asia/Shanghai" in client.get("/company/keys/").content.decode()
    given = {"name": "ERP", "role": "viewer", "expires_at": "2999-01-01T08:00", "make": "1"}
    assert "2999-01-01 08:00" in client.post("/company/keys/", given).content.decode()
    with tenant_scope(company.tenant_id):
        assert ApiKey.objects.get(name="ERP").expires_at == datetime(2999, 1, 1, tzinfo=UTC)


def test_a_form_quotes_a_line_that_holds_no_domain_whole() -> None:
    assert _domains_in("not a domain") == ["not a domain"]
    assert _domains_in("a.example b.example") == ["a.example", "b.example"]


def test_a_group_of_choices_has_a_legend_and_says_what_a_short_name_is(
    company: Company, sign_in: Callable[[Any], Client]
) -> None:
    with tenant_scope(company.tenant_id):
        create_site(name="Works", zone="Asia/Shanghai")
    client = sign_in(company.manager)
    page = client.get("/company/partners/").content.decode()
    assert "<legend>Only these parts of the plant</legend>" in page
    assert (page.count('<label for="">'), page.count('id="_helptext"')) == (0, 0)
    given = {"grant": "1", "partner": "苏州智联", "role": "viewer", "until_on": "2026-12-05"}
    assert "has Latin letters" in client.post("/company/partners/", given).content.decode()
