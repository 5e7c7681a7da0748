"""Session fixtures for the parts of this folder; tests/conftest.py imports them.

A test that asks for one is skipped, or fails under FORGELINE_TEST_REQUIRE, where the part is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import browser, timescale, timescale_wasm
from tests.services.requirement import skip_or_fail


@pytest.fixture(scope="session")
def timescale_url() -> Iterator[str]:
    """Superuser URL of a native TimescaleDB (Apache edition); its database ``postgres`` is empty."""
    skip_or_fail("timescale", timescale.why_unavailable())
    with timescale.running_timescale() as url:
        yield url


@pytest.fixture(scope="module")
def columnstore_url() -> Iterator[str]:
    """Superuser URL of a WebAssembly TimescaleDB (Community edition): one connection at a time, no COPY."""
    skip_or_fail("columnstore", timescale_wasm.why_unavailable())
    with timescale_wasm.running_columnstore() as url:
        yield url


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Path of the browser to drive; start it with ``--no-sandbox``."""
    skip_or_fail("browser", browser.why_unavailable())
    path = browser.find_chromium()
    assert path is not None
    return path
