"""Every line of a request names it, its tenant and its caller; no secret stands in any."""

from __future__ import annotations

import json
import logging
import logging.config

import pytest
import structlog
from django.conf import settings
from django.test import Client

from forgeline.conf.logs import logging_config
from tests.conftest import Company


def test_request_id_of_the_proxy_comes_back(company: Company) -> None:
    answer = Client().get("/healthz", headers={"X-Request-ID": "abc-123"})
    assert answer["X-Request-ID"] == "abc-123"
    assert Client().get("/healthz", headers={"X-Request-ID": "a b\nc"})["X-Request-ID"] != "a b\nc"


def test_lines_name_the_tenant_and_strike_secrets(
    company: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.config.dictConfig(logging_config(level="INFO", style="json"))
    try:
        with structlog.contextvars.bound_contextvars(tenant_id=company.tenant_id):
            structlog.get_logger("t").info(
                "asked",
                password="open sesame",
                url="mqtt://me:hidden@host",
                header=f"Bearer {company.manager_key}",
            )
            logging.getLogger("t").warning("connecting to %s", "redis://:hidden@host/0")
    finally:
        logging.config.dictConfig(settings.LOGGING)
    text = capsys.readouterr().err
    # Threads of other tests may log beside this one.
    lines = [json.loads(line) for line in text.splitlines() if '"t"' in line]
    assert len(lines) == 2
    assert {line["tenant_id"] for line in lines} == {company.tenant_id}
    assert not any(secret in text for secret in ("open sesame", "hidden", company.manager_key))
