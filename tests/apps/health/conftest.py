"""A company with a machine, as programs and people reach it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from forgeline.identity.policy import Actor, permissions_of
from tests.api.conftest import make_machine
from tests.conftest import Company


@dataclass(frozen=True)
class Api:
    """A client that tells what went wrong."""

    client: APIClient

    def get(self, path: str, status: int = 200, **query: Any) -> Any:
        answer = self.client.get(f"/api/v1/{path}", query)
        assert answer.status_code == status, (path, answer.status_code, answer.content)
        return answer.json()

    def post(self, path: str, body: Any = None, status: int | tuple[int, ...] = (200, 201)) -> Any:
        return self._send("post", path, body, status)

    def patch(self, path: str, body: Any, status: int = 200) -> Any:
        return self._send("patch", path, body, status)

    def put(self, path: str, body: Any, status: int = 200) -> Any:
        return self._send("put", path, body, status)

    def delete(self, path: str, status: int = 204) -> None:
        answer = self.client.delete(f"/api/v1/{path}")
        assert answer.status_code == status, (path, answer.status_code, answer.content)

    def _send(self, method: str, path: str, body: Any, status: int | tuple[int, ...]) -> Any:
        answer = getattr(self.client, method)(f"/api/v1/{path}", body, format="json")
        wanted = (status,) if isinstance(status, int) else status
        assert answer.status_code in wanted, (path, answer.status_code, answer.content)
        return answer.json()


def api_of(key: str) -> Api:
    return Api(APIClient(headers={"Authorization": f"Bearer {key}"} if key else {}))


@pytest.fixture
def api(company: Company) -> Api:
    """The manager's program."""
    return api_of(company.manager_key)


@pytest.fixture
def viewer_api(company: Company) -> Api:
    return api_of(company.viewer_key)


@pytest.fixture
def made(api: Api) -> dict[str, Any]:
    """A press with its plant and points."""
    return make_machine(api.client)


@pytest.fixture
def machine(made: dict[str, Any]) -> int:
    return int(made["machine"]["id"])


@pytest.fixture
def plant(made: dict[str, Any]) -> int:
    return int(made["plant"]["id"])


@pytest.fixture
def boss(company: Company) -> Actor:
    return Actor(
        company.tenant_id, "manager", user_id=company.manager.pk, label="Alice",
        permissions=permissions_of("manager"),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _own_var(settings: Any, tmp_path: Path) -> None:
    """Files of a test lie in its own folder; the fonts are where `make assets` put them."""
    settings.VAR = tmp_path / "var"
    settings.JOBS = settings.JOBS | {"FOLDER": settings.VAR / "files"}


Order = Callable[..., dict[str, Any]]


@pytest.fixture
def new_order(api: Api, machine: int) -> Order:
    """``new_order(title=…)`` → a requested work order; ``upto`` takes it on."""

    def made_(upto: str = "requested", **facts: Any) -> dict[str, Any]:
        row = api.post("work-orders/", {"asset": machine, "title": "Oil leak", **facts})
        for state in ("approved", "planned", "in_progress", "done", "verified"):
            if row["state"] == upto:
                break
            row = api.post(f"work-orders/{row['id']}/move/", {"to": state})
        return row

    return made_
