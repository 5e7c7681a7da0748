"""``python -m demoplant``: reads the environment, runs the plant, stops on Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from demoplant.plant import Plant
from demoplant.settings import SettingsError, read_settings
from demoplant.state import load_state


def main() -> int:
    """Return 0 after an orderly stop, 1 with one sentence where the plant could not run."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    # The libraries tell every session and every request; what matters of it is told here.
    for noisy in ("asyncua", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    try:
        settings = read_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        asyncio.run(_run(Plant(settings, load_state(settings.folder / "state.json"))))
    except OSError as error:
        print(f"The demo plant stopped: {error}.", file=sys.stderr)
        return 1
    return 0


async def _run(plant: Plant) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await plant.run(stop)


if __name__ == "__main__":
    sys.exit(main())
