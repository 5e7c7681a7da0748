"""A person at a running Forgeline: signs in with what `make up` wrote down, in a language, a theme and a size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SIZES = {"phone": (390, 844), "desk": (1920, 1080), "wall": (3840, 2160)}


@dataclass(frozen=True, slots=True)
class Running:
    """Where a Forgeline runs, and who may sign in."""

    address: str
    email: str
    password: str


def find_running(var: Path) -> Running:
    """Return what runs with this state folder. **Raises** SystemExit with the remedy where nothing does."""
    facts = var / "run" / "up.json"
    if not facts.exists():
        raise SystemExit(f"Nothing runs with {var}; start `make up` and wait for its address.")
    told = json.loads(facts.read_text())
    return Running(told["address"], told["sign_in"]["email"], told["sign_in"]["password"])


@contextmanager
def visit(
    chromium: Path, running: Running, *, size: str = "desk", language: str = "en", theme: str = "light"
) -> Iterator[Any]:
    """Yield a page of a browser in which somebody has signed in."""
    from playwright.sync_api import sync_playwright

    width, height = SIZES[size]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        context = browser.new_context(
            viewport={"width": width, "height": height},
            locale="zh-CN" if language == "zh-hans" else "en-GB",
            color_scheme="dark" if theme == "dark" else "light",
            base_url=running.address,
        )
        page = context.new_page()
        page.goto("/sign-in/")
        page.fill("input[name=login]", running.email)
        page.fill("input[name=password]", running.password)
        page.click("form button[type=submit], form button:not([type])")
        page.wait_for_url(lambda url: "/sign-in/" not in url)
        yield page
        browser.close()
