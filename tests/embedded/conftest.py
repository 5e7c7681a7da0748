"""What these tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def reachable() -> Callable[[Path], None]:
    """Open the way to a folder for every user: pytest closes its own to all but one."""

    def _open(folder: Path) -> None:
        for each in (folder, *folder.parents):
            if each.stat().st_mode & 0o1777 == 0o1777 or each == Path("/"):
                return
            each.chmod(each.stat().st_mode | 0o055)

    return _open
