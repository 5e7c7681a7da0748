"""A fault nobody anticipated comes in the envelope and tells nothing of itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from forgeline.assets import queries
from tests.conftest import Company

ClientOf = Callable[[str], APIClient]


def test_unexpected_fault_comes_in_the_envelope(
    company: Company, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def _fail() -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(queries, "list_sites", _fail)
    answer = client_of(company.manager_key).get("/api/v1/plants/")
    assert answer.status_code == 500
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["key"] == "base.fault"
    assert "hunter2" not in answer.content.decode()
