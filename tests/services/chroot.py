"""Build a Debian trixie folder that holds PostgreSQL 17 and TimescaleDB's Apache edition.

Not here: starting a server in it (timescale.py). Building needs root, ``debootstrap`` and about a minute.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.services.cache import cache_folder, exclusive

SUITE: Final = "trixie"
PACKAGE: Final = "postgresql-17-timescaledb"
MIRROR_SWITCH: Final = "FORGELINE_TEST_DEBIAN_MIRROR"
POSTGRES_BIN: Final = "/usr/lib/postgresql/17/bin"
_COMPLETE: Final = "forgeline-complete"


def chroot_folder() -> Path:
    """Return where the built folder is, or would be."""
    return cache_folder() / f"{SUITE}-timescale"


def is_built() -> bool:
    """Tell whether a complete folder is there; a build that broke off does not count."""
    return (chroot_folder() / _COMPLETE).is_file()


def find_mirror() -> str:
    """Return the address of this machine's Debian mirror, read from apt's own sources.

    **Raises** RuntimeError where apt is missing or knows no Debian mirror.
    """
    if named := os.environ.get(MIRROR_SWITCH):
        return named
    remedy = f"set {MIRROR_SWITCH} to the address of a Debian mirror"
    if shutil.which("apt-get") is None:
        raise RuntimeError(f"there is no apt-get here to ask for a Debian mirror; {remedy}")
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(CODENAME)|$(REPO_URI)", "Created-By: Packages"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for line in listing.splitlines():
        origin, codename, address = line.split("|", 2)
        if origin == "Debian" and "-" not in codename:
            return address.rstrip("/")
    raise RuntimeError(f"apt's sources name no Debian mirror (run `apt-get update` first); {remedy}")


def build() -> Path:
    """Make the folder unless it is there; returns it.

    **Raises** RuntimeError with a sentence where something needed is missing, CalledProcessError where
    debootstrap or apt failed (their output has been shown).
    """
    if is_built():
        return chroot_folder()
    if os.geteuid() != 0:
        raise RuntimeError("building the TimescaleDB folder needs root (debootstrap and chroot do)")
    if shutil.which("debootstrap") is None:
        raise RuntimeError("debootstrap is not installed; `apt-get install debootstrap` brings it")
    mirror = find_mirror()
    with exclusive(f"{SUITE}-timescale"):
        if is_built():  # another process built it while this one waited
            return chroot_folder()
        half_built = chroot_folder().with_suffix(".partial")
        for stale in (half_built, chroot_folder()):
            shutil.rmtree(stale, ignore_errors=True)
        subprocess.run(["debootstrap", "--variant=minbase", SUITE, half_built, mirror], check=True)
        _lend_network(half_built)
        _install(half_built)
        (half_built / _COMPLETE).touch()
        half_built.rename(chroot_folder())
    return chroot_folder()


def _lend_network(root: Path) -> None:
    """Give the folder this machine's name resolution and the proxy and key settings of its apt."""
    for name in ("resolv.conf", "hosts"):
        if (source := Path("/etc") / name).is_file():
            shutil.copy(source, root / "etc" / name)
    settings = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    lent = [line for line in settings.splitlines() if line.startswith(("Acquire::http", "Acquire::https"))]
    (root / "etc/apt/apt.conf.d/90lent").write_text("\n".join([*lent, 'Acquire::Retries "3";', ""]))


def _install(root: Path) -> None:
    """Install the package without starting anything and without a default cluster."""
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    no_cluster = root / "etc/postgresql-common/createcluster.d/none.conf"
    no_cluster.parent.mkdir(parents=True, exist_ok=True)
    no_cluster.write_text("create_main_cluster = false\n")
    script = (
        "apt-get -q update && "
        f"apt-get -q -y --no-install-recommends install {PACKAGE} && "
        "apt-get clean && rm -rf /var/lib/apt/lists/*"
    )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    subprocess.run(["chroot", root, "sh", "-ec", script], check=True, env=environment)
