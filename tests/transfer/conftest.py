"""A company whose manager imports and exports; the folder of files goes with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from forgeline.identity.policy import Actor, permissions_of
from forgeline.jobs import working
from forgeline.telemetry import ingest
from tests.conftest import Company


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.JOBS = settings.JOBS | {"FOLDER": tmp_path / "files"}
    ingest.reset()
    yield
    ingest.reset()


@pytest.fixture
def boss(live_company: Company) -> Actor:
    return Actor(
        live_company.tenant_id, "manager", user_id=live_company.manager.pk, label="Alice",
        permissions=permissions_of("manager"),
    )  # fmt: skip


@pytest.fixture
def client(live_company: Company) -> APIClient:
    client = APIClient(headers={"Authorization": f"Bearer {live_company.manager_key}"})
    client.raise_request_exception = False
    return client


def upload(client: APIClient, name: str, body: bytes) -> int:
    """Send a file in one part; returns its id."""
    made = client.post("/api/v1/uploads/", {"name": name}, format="json").json()["id"]
    for start in range(0, len(body), 4 << 20):
        part = body[start : start + (4 << 20)]
        answer = client.put(
            f"/api/v1/uploads/{made}/?offset={start}", part, content_type="application/octet-stream"
        )
        assert answer.status_code == 200, answer.content
    return int(made)


@pytest.fixture
def work_off(client: APIClient) -> Callable[[Any], Any]:
    """``work_off(answer)`` → the job that a 202 told of, once it is through."""

    def through(answer: Any) -> Any:
        assert answer.status_code == 202, answer.content
        while working.work():
            pass
        return client.get(f"/api/v1/jobs/{answer.json()['id']}/").json()

    return through
