"""What a process loads before its first request: a server of pages that show what models found loads none of theirs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests import bring

HEAVY = {"pandas", "scipy", "sklearn", "lightgbm", "statsmodels", "asyncua"}
_LOADS = """
import sys
import forgeline.conf.asgi
from django.urls import get_resolver
get_resolver().url_patterns
print(*sys.modules)
"""


def test_a_web_server_loads_no_library_of_models(services: bring.Services, tmp_path: Path) -> None:
    environment = services.environment("nothing_is_asked", tmp_path)
    said = subprocess.run(
        [sys.executable, "-c", _LOADS], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert "apps.health.api.condition" in said
    assert HEAVY & set(said.split()) == set()
