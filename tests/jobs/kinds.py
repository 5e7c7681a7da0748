"""Kinds of job that only tests have: one that counts, one that fails, one that waits to be killed."""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from forgeline.base.errors import ConflictError
from forgeline.jobs import files
from forgeline.jobs.working import Step, Work


def count(work: Work) -> Generator[Step, None, dict[str, Any]]:
    """Count to ``to``; each number is written to a file beside the position, as work that cannot be undone would be."""
    to, path = work.facts["to"], Path(work.facts["path"])
    for number in range(work.position.get("n", 0), to):
        with path.open("a") as out:
            out.write(f"{os.getpid()} {number}\n")
        if work.facts.get("die_at") == number and not path.with_suffix(".died").exists():
            path.with_suffix(".died").touch()
            time.sleep(60)
        yield Step((number + 1) / to, f"at {number}", {"n": number + 1})
    with work.scope(), files.make(work.job, "numbers.txt", "text/plain") as out:
        out.write(path.read_bytes())
    return {"counts": {"numbers": to}}


def fail(work: Work) -> Generator[Step, None, dict[str, Any]]:
    yield Step(0.5)
    if work.facts.get("how") == "known":
        raise ConflictError("The plant is upside down.", key="assets.upside_down")
    raise RuntimeError("nobody foresaw this")


def long_step(work: Work) -> Generator[Step, None, dict[str, Any]]:
    """One step that takes ``s`` seconds and tells how far it is."""
    yield Step(0.0)
    until = time.monotonic() + work.facts["s"]
    while time.monotonic() < until:
        work.tell(0.5, "in the middle of it")
        time.sleep(0.1)
    return {}
