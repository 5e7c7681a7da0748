"""``python -m tests.smoke``: clone, `make up`, first samples by REST, stop, nothing left, once more.

Not here: what a plant is to this test (plant.py).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import urllib.error
from pathlib import Path
from typing import Final

from tests.smoke.plant import Plant, SmokeError

ROOT: Final = Path(__file__).resolve().parents[2]

FIRST_START_WITHIN_S: Final = 600.0
"""Packages and front-end parts are fetched in it."""
SECOND_START_WITHIN_S: Final = 20.0
FIRST_SAMPLE_WITHIN_S: Final = 180.0
STOP_WITHIN_S: Final = 10.0
GONE_WITHIN_S: Final = 2.0
"""A process that was told to die may still be listed for a moment."""

MOST_POINTS: Final = 500
"""What one question for latest values takes."""

CONNECTORS: Final = ("mqtt", "opcua")
"""Each must bring a sample."""


def main() -> int:
    """Run the whole; 0 where all held, 1 with the sentence and the log's end where not."""
    with tempfile.TemporaryDirectory(prefix="forgeline-smoke-") as folder:
        # PostgreSQL gives up root and must be able to walk to its data.
        Path(folder).chmod(0o755)
        log = Path(folder) / "up.log"
        plant = Plant(Path(folder) / "forgeline", log)
        try:
            _clone(plant.folder)
            _run(plant)
        except SmokeError as error:
            print(f"\n{log.read_text(errors='replace')[-6000:] if log.exists() else ''}")
            for each in sorted((plant.folder / "var/log").glob("*.log")):
                print(f"--- {each.name}\n{each.read_text(errors='replace')[-1500:]}")
            print(f"SMOKE FAILED: {error}")
            return 1
        finally:
            plant.kill()
    print("SMOKE PASSED")
    return 0


def _clone(folder: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder)], check=True)
    _say(f"a fresh clone of {ROOT.name} without .venv")


def _run(plant: Plant) -> None:
    _say(f"make up was ready after {plant.start(FIRST_START_WITHIN_S):.1f} s, everything fetched")
    ready_ms = time.time() * 1000
    for connector in CONNECTORS:
        point_id, took_s = _wait_for_sample(plant, connector, newer_than_ms=ready_ms)
        _say(f"{connector}: first sample by REST {took_s:.1f} s after ready (point {point_id})")
    _stop(plant)
    again_s = plant.start(SECOND_START_WITHIN_S)
    _say(f"the second make up was ready after {again_s:.1f} s")
    restarted_ms = time.time() * 1000
    for connector in CONNECTORS:
        _point_id, took_s = _wait_for_sample(plant, connector, newer_than_ms=restarted_ms)
        _say(f"{connector}: samples go on {took_s:.1f} s after ready")
    _stop(plant)


def _wait_for_sample(plant: Plant, connector: str, *, newer_than_ms: float) -> tuple[int, float]:
    """Return a point that this connector feeds and that has a new good value, and the seconds waited."""
    begun = time.monotonic()
    seen = "the API did not answer"
    while time.monotonic() - begun < FIRST_SAMPLE_WITHIN_S:
        try:
            points = _points_of(plant, connector)
            seen = f"{len(points)} points are fed by it, none has a new value"
            for row in (
                plant.ask(f"/api/v1/latest/?point={','.join(map(str, points))}")["results"] if points else []
            ):
                if row["ts_ms"] > newer_than_ms and row["quality"] == 0:
                    return row["point_id"], time.monotonic() - begun
        except (urllib.error.URLError, OSError, ValueError) as error:
            seen = f"the API answered: {error}"
        if plant.process is not None and plant.process.poll() is not None:
            raise SmokeError(f"`make up` ended by itself with {plant.process.returncode}")
        time.sleep(0.5)
    raise SmokeError(f"no sample by {connector} within {FIRST_SAMPLE_WITHIN_S:g} s: {seen}")


def _points_of(plant: Plant, connector: str) -> list[int]:
    """Return points that a connector feeds: bound at a connection of that kind; at our own broker, of a device."""
    points = [
        binding["point"]
        for connection in plant.ask_all("/api/v1/connections/")
        if connection["kind"] == connector
        for binding in plant.ask_all(f"/api/v1/connections/{connection['id']}/bindings/")
    ]
    if connector == "mqtt":
        points += [point["id"] for point in plant.ask_all("/api/v1/points/") if point["device"] is not None]
    return points[:MOST_POINTS]


def _stop(plant: Plant) -> None:
    took_s = plant.stop(STOP_WITHIN_S)
    deadline = time.monotonic() + GONE_WITHIN_S
    while (left := plant.left_behind()) and time.monotonic() < deadline:
        time.sleep(0.1)
    if left:
        raise SmokeError("these processes were left behind:\n" + "\n".join(left))
    _say(f"SIGTERM stopped it in {took_s:.1f} s and left no process")


def _say(line: str) -> None:
    print(f"· {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
