"""Find the Chromium that browser tests drive. Not here: pages and fixtures (tests/browser)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SWITCH: Final = "FORGELINE_TEST_CHROMIUM"


def find_chromium() -> Path | None:
    """Return the browser's path (FORGELINE_TEST_CHROMIUM, else the first on the PATH), or None."""
    if named := os.environ.get(SWITCH):
        return Path(named) if Path(named).is_file() else None
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


def why_unavailable() -> str | None:
    """Return None where a browser is found, else one sentence with the remedy."""
    if find_chromium():
        return None
    if named := os.environ.get(SWITCH):
        return f"{SWITCH} names {named}, which is not there"
    return f"no Chromium on the PATH; `apt-get install chromium` brings one, or name yours in {SWITCH}"
