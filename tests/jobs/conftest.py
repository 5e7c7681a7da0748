"""The kinds of job that only tests have, and an actor that may ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forgeline.identity.policy import Actor, permissions_of
from forgeline.modules import registry
from forgeline.modules.manifest import JobKind, Manifest
from tests.conftest import Company


@pytest.fixture(autouse=True)
def _kinds() -> Iterator[None]:
    kinds = [
        JobKind(f"test.{name}", name, "assets.view", f"tests.jobs.kinds.{name}")
        for name in ("count", "fail", "long_step")
    ]
    registry._MANIFESTS["test"] = Manifest(key="test", title="Test", jobs=kinds)
    yield
    del registry._MANIFESTS["test"]


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> None:
    settings.JOBS = settings.JOBS | {"FOLDER": tmp_path / "files"}


@pytest.fixture
def boss(live_company: Company) -> Actor:
    return Actor(
        live_company.tenant_id, "manager", user_id=live_company.manager.pk, label="Alice",
        permissions=permissions_of("manager"),
    )  # fmt: skip
