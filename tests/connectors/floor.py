"""A shop floor for connector tests: a machine with a device, its credential and points; the process that runs it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections

from forgeline.assets import services as assets
from forgeline.assets.models import Asset, Device, Point
from forgeline.tenancy.scoping import tenant_scope


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine whose device may publish under ``t/<username>/``."""

    tenant_id: int
    asset_id: int
    device_id: int
    username: str
    password: str
    password_hash: str
    point_ids: dict[str, int]


def make_machine(tenant_id: int, name: str, keys: Sequence[str], **facts: Any) -> Machine:
    """Make a machine, its device with a credential, and a point for each key, through the product's services."""
    from forgeline.assets.models import Site

    with tenant_scope(tenant_id):
        site = Site.objects.first() or assets.create_site(name="Hall", zone="Asia/Shanghai")
        asset: Asset = assets.create_asset(site_id=site.pk, level="work_unit", name=name)
        device: Device = assets.create_device(name=name, key=name, asset_id=asset.pk)
        credential, password = assets.create_credential(device_id=device.pk)
        points = Point.objects.bulk_create(
            Point(asset=asset, device=device, key=key, name=key, **{"expected_interval_s": 1.0, **facts})
            for key in keys
        )
    return Machine(
        tenant_id, asset.pk, device.pk, credential.username, password, credential.password_hash,
        {point.key: point.pk for point in points},
    )  # fmt: skip


@contextlib.contextmanager
def running_connectors(environment: Mapping[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``manage.py run_connectors`` as a process of its own; it is stopped in order, or killed where it hangs."""
    log = Path(environment["FORGELINE_VAR"]) / f"connectors-{time.monotonic_ns()}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_connectors", *arguments],
            cwd=settings.BASE_DIR,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        except BaseException:
            sys.stderr.write(log.read_text(errors="replace")[-6000:])
            raise
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    os.kill(process.pid, signal.SIGKILL)
                    process.wait(5)


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 15.0) -> Any:
    """Return what the condition answers once it is true, or fail saying what was waited for."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s for: {what}"
        time.sleep(0.05)


def stored(point_ids: Sequence[int]) -> list[tuple[int, int, float, int, int]]:
    """Return (point, ts_us, value, quality, flags) of every stored sample of these points, by point and time."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT point_id, (extract(epoch FROM ts) * 1000000)::bigint, value, quality, flags"
            " FROM telemetry_sample WHERE point_id = ANY(%s) ORDER BY 1, 2",
            [list(point_ids)],
        )
        return list(cursor.fetchall())


def count_stored() -> int:
    """Return how many samples there are in all."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM telemetry_sample")
        return int(cursor.fetchone()[0])
