"""Every line of a request names it, its tenant and its caller; no secret stands in any."""

from __future__ import annotations

import json
import subprocess
import sys

from django.test import Client

from tests.conftest import Company


def test_request_id_of_the_proxy_comes_back(company: Company) -> None:
    answer = Client().get("/healthz", headers={"X-Request-ID": "abc-123"})
    assert answer["X-Request-ID"] == "abc-123"
    assert Client().get("/healthz", headers={"X-Request-ID": "a b\nc"})["X-Request-ID"] != "a b\nc"


def test_lines_name_the_tenant_and_strike_secrets(child_environment: dict[str, str]) -> None:
    """In a process of its own, whose logging is the product's and nobody else's."""
    code = """
import logging, django, structlog
django.setup()
with structlog.contextvars.bound_contextvars(tenant_id=7):
    structlog.get_logger("t").info(
        "asked", password="open sesame", url="mqtt://me:hidden@host", header="Bearer fl_neverseen",
    )
    logging.getLogger("t").warning("connecting to %s", "redis://:hidden@host/0")
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], env=child_environment | {"FORGELINE_LOG_LEVEL": "INFO"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [line["tenant_id"] for line in lines] == [7, 7]
    assert not any(secret in ran.stderr for secret in ("open sesame", "hidden", "neverseen"))
