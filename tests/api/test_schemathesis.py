"""Schemathesis over the whole description: as a manager, as a stranger and as nobody, no answer is a 500."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings as effort
from rest_framework.test import APIClient
from schemathesis.transport.serialization import Binary

from forgeline.conf import surface
from tests.api.world import make_world
from tests.conftest import Company

QUICKLY = effort(
    max_examples=4, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)  # fmt: skip
"""Four cases of each operation: about one minute in all."""


pytestmark = pytest.mark.usefixtures("fresh_ingest")


def _send(client: APIClient, case: Any, address: str) -> Any:
    """Send a case and take back what it did, so that the next finds the same world."""
    given: dict[str, Any] = {"format": "json"} if case.media_type == "application/json" else {}
    body = None if isinstance(case.body, schemathesis.core.NotSet) else case.body
    if isinstance(body, Binary):
        body, given = body.data, {"content_type": case.media_type}
    query = {name: value for name, value in (case.query or {}).items() if value is not None}
    headers = {name: str(value) for name, value in (case.headers or {}).items()}
    with transaction.atomic():
        if case.method.upper() == "GET":
            answer = client.get(address, query, headers=headers)
        else:
            answer = getattr(client, case.method.lower())(
                address, body, query_params=query, headers=headers, **given
            )
        if answer.streaming:
            b"".join(answer.streaming_content)
        transaction.set_rollback(True)
    return answer


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_answer_is_a_fault(
    live_company: Company, live_stranger: Company, client_of: Callable[[str], APIClient], record_property: Any
) -> None:
    world = make_world(live_company, client_of(live_company.manager_key))
    clients = {
        "manager": client_of(live_company.manager_key),
        "stranger": client_of(live_stranger.manager_key),
        "nobody": client_of(""),
    }
    schema = schemathesis.openapi.from_dict(surface.read_description())
    begun, faults = time.monotonic(), []
    answers: Counter[tuple[str, int]] = Counter()
    # Browsing asks a server of the customer's, and says 502 where that one is away.
    every = [found.ok() for found in schema.get_all_operations()]
    operations = [operation for operation in every if not operation.path.endswith("/browse/")]
    for operation in operations:
        # The addresses of what there is: an invented number is a 404 before anything is looked at.
        address = world.address(operation.path)

        def ask(case: Any) -> None:
            for name, client in clients.items():
                answer = _send(client, case, address)  # noqa: B023  # called before the next round
                answers[name, answer.status_code] += 1
                if answer.status_code >= 500:
                    faults.append(f"{name}: {case.method} {case.path} {case.query} {case.body!r:.300}")

        QUICKLY(given(case=operation.as_strategy())(ask))()
    took_s = time.monotonic() - begun
    record_property("figure", f"schemathesis: {sum(answers.values())} requests in {took_s:.0f} s")
    assert faults == []
    assert len(operations) > 140
    assert any(status < 300 for name, status in answers if name == "manager")
    assert {status for name, status in answers if name == "nobody"} <= {400, 401, 403, 404, 405}
