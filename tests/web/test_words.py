"""Every permission that a part of the building declares has words in both languages."""

from __future__ import annotations

import re

import pytest
from django.utils import translation

from forgeline.modules.registry import list_manifests
from forgeline.web.grant_forms import permission_word


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
