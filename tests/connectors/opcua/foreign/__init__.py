"""node-opcua, a server of another make, from npm with a lock file. Not here: what is tested against it."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import select
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.services.cache import exclusive

HERE = Path(__file__).parent
NODE_MAJOR = 20


@functools.cache
def install() -> tuple[Path | None, str | None]:
    """Install the packages once for each lock file; return (node_modules, None) or (None, why it is missing)."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return None, f"there is no Node.js on the PATH; install Node.js {NODE_MAJOR} or newer with npm"
    lock = (HERE / "package-lock.json").read_bytes()
    with exclusive("foreign_opcua") as cache:
        folder = cache / f"foreign_opcua-{hashlib.sha256(lock).hexdigest()[:12]}"
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder)
            done = subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                check=False, cwd=folder, capture_output=True, text=True, timeout=300,
            )  # fmt: skip
            if done.returncode:
                return None, f"npm could not install node-opcua: {done.stderr.strip()[-300:]}"
            (folder / "complete").touch()
    return folder / "node_modules", None


def start(modules: Path, port: int, folder: Path) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """Start the server; return it with what it says of itself. **Raises** RuntimeError where it doesn't come up."""
    process = subprocess.Popen(
        ["node", str(HERE / "server.js"), str(port), str(folder)],
        env={**os.environ, "NODE_PATH": str(modules)},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    while select.select([process.stdout], [], [], 60)[0] and (line := process.stdout.readline()):
        if line.startswith("{"):
            return process, json.loads(line)
    process.kill()
    process.wait()
    raise RuntimeError("the foreign server didn't come up")
