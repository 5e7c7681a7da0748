"""``python -m tests.services.timescale_wasm build``: install the locked packages into the cache."""

from __future__ import annotations

import subprocess
import sys

from tests.services.timescale_wasm import build

if sys.argv[1:] != ["build"]:
    sys.exit("usage: python -m tests.services.timescale_wasm build")
try:
    print(f"The WebAssembly TimescaleDB is in {build()}")
except (RuntimeError, subprocess.CalledProcessError) as error:
    sys.exit(f"The WebAssembly TimescaleDB was not installed: {error}")
