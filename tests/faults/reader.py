"""What a person and a program are told of the connections while something is broken."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from tests.conftest import Company


class Reader:
    """A manager who looks at the page, and the API with her key."""

    def __init__(self, company: Company) -> None:
        self._key = company.manager_key
        self._page = Client()
        self._page.force_login(company.manager, backend="django.contrib.auth.backends.ModelBackend")

    def statuses(self) -> list[dict[str, Any]]:
        """Return the status of each connection, by the API."""
        answer = Client().get("/api/v1/connections/", headers={"authorization": f"Bearer {self._key}"})
        assert answer.status_code == 200, answer.content
        return [row["status"] for row in answer.json()["results"]]

    def page(self) -> str:
        """Return the connections' page as it stands."""
        answer = self._page.get(reverse("connectors:list"))
        assert answer.status_code == 200
        return answer.content.decode()

    def events(self) -> set[str]:
        """Return the names of what happened to the connections, by the API."""
        return {event["event"] for status in self.statuses() for event in status["events"]}
