"""Draw the pictures of the README from a running Forgeline.

    make up                                              in one terminal; five minutes, until its alarms have come
    PYTHONPATH=platform:. .venv/bin/python -m tests.browser.screenshot      in another

Not here: what pages must do (the tests beside this).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from tests.browser.visitor import find_running, visit
from tests.services.browser import find_chromium, why_unavailable

ROOT = Path(__file__).resolve().parents[2]
SETTLE_MS = 3000
"""Until the chart is drawn and the first live values have come."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the README's pictures from a running `make up`.")
    parser.add_argument("--var", type=Path, default=Path(os.environ.get("FORGELINE_VAR", ROOT / "var")))
    parser.add_argument("--folder", type=Path, default=ROOT / "platform/docs/images")
    given = parser.parse_args()
    running = find_running(given.var)
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit(f"A picture needs a browser: {why_unavailable()}.")
    given.folder.mkdir(parents=True, exist_ok=True)
    for language, theme, mark in (("en", "light", ""), ("zh-hans", "dark", "-zh")):
        with visit(chromium, running, language=language, theme=theme) as page:
            _draw(page, "/", given.folder / f"overview{mark}.png")
            page.click(".machine")
            page.wait_for_url("**/machines/**")
            _draw(page, page.url, given.folder / f"machine{mark}.png")
            alarms = page.request.get("/api/v1/alarms/?view=all").json()["results"]
            hot = next(alarm["id"] for alarm in alarms if alarm["key"] == "discharge_hot")
            _draw(page, f"/alarms/{hot}/", given.folder / f"alarm{mark}.png")


def _draw(page: Any, address: str, target: Path) -> None:
    page.goto(address)
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=str(target))
    print(target)


if __name__ == "__main__":
    main()
