"""Decide what a missing part means: a skip with a sentence, or a failure where CI promised to have it.

``FORGELINE_TEST_REQUIRE=browser,timescale,columnstore`` names the parts that must be there.
"""

from __future__ import annotations

import os
from typing import Final

import pytest

SWITCH: Final = "FORGELINE_TEST_REQUIRE"
PARTS: Final = frozenset({"browser", "timescale", "columnstore", "foreign_opcua", "foreign_oidc"})


def required_parts() -> frozenset[str]:
    """Return the parts named in the switch.

    **Raises** ValueError for a name that no part has: a misspelt switch would turn the check off in silence.
    """
    named = frozenset(part.strip() for part in os.environ.get(SWITCH, "").split(",") if part.strip())
    if unknown := named - PARTS:
        raise ValueError(f"{SWITCH} names {', '.join(sorted(unknown))}; it knows {', '.join(sorted(PARTS))}")
    return named


def skip_or_fail(part: str, reason: str | None) -> None:
    """Go on where ``reason`` is None; else skip the test, or fail it where the switch names the part."""
    required = required_parts()
    if reason is None:
        return
    if part in required:
        pytest.fail(f"{SWITCH} asks for {part}: {reason}", pytrace=False)
    pytest.skip(f"{part}: {reason}")
