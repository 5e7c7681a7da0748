"""A slow database, disks that fill, a broker that flaps: memory is bounded, nothing is lost, the page tells of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from forgeline.embedded.broker import find_mosquitto
from tests.bench.plant import BenchPlant, make_plant
from tests.faults.reader import Reader
from tests.faults.sequence import Finding, check_sequences, plan_load
from tests.faults.watch import Watch
from tests.rig import DBNAME, Rig

MEMORY_BOUND_MB = 300
"""The figure of `make bench` for a connector process under full load."""
ROWS_WAITING = 100_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        find_mosquitto() is None, reason="there is no mosquitto; `apt-get install mosquitto` brings it"
    ),
]


class Load:
    """A running fleet and its plan."""

    def __init__(self, rig: Rig, watch: Watch, name: str, *, rate: float) -> None:
        self.rig, self.watch = rig, watch
        self.plant: BenchPlant = make_plant(machines=4, points=20, name=name)
        self.reader = Reader(self.plant.company)
        watch.add_connectors()
        watch.wait_for_devices([user for user, _word in self.plant.credentials])
        start_ms = time.time_ns() // 1_000_000 - 3 * 3_600_000
        self.plan = plan_load(self.plant, values=10, start_ms=start_ms, rate=rate)
        self._fleet = rig.fleet(self.plan)
        self.grow("load")

    def committed(self) -> int:
        """Rows of this plant that are stored: what an earlier test left at the broker is not among them."""
        return self.rig.committed(tenant_id=self.plant.company.tenant_id)

    def grow(self, what: str, rows: int = 2_000) -> None:
        """Wait until so many rows more are stored."""
        before = self.committed()
        self.watch.wait(lambda: self.committed() >= before + rows, what)

    def end(self) -> Finding:
        """Stop the fleet, wait until everything is stored that it was acknowledged, and check it."""
        self._fleet.terminate()
        self.watch.wait(lambda: self._fleet.poll() is not None, "the devices have their acknowledgements")
        result: dict[str, Any] = json.loads(self._fleet.communicate()[0])
        sent = [device["sent"] for device in result["devices"]]
        with contextlib.suppress(AssertionError):
            self.watch.wait(lambda: self.committed() >= 10 * sum(sent), "everything is stored")
        return check_sequences(self.rig, self.plant, self.plan, sent)

    def owner_facts(self) -> dict[str, Any]:
        """Return what the living connector process says of itself."""
        rows = self.rig.ask("SELECT facts FROM connectors_connectorprocess ORDER BY expires_at DESC LIMIT 1")
        return dict(rows[0][0])


def verdict(what: str, found: Finding, watch: Watch, tell: Callable[[str], None]) -> None:
    peak = watch.peak_mb["connectors"]
    tell(
        f"{what}: {found.expected} samples, lost {found.lost}, doubled {found.doubled}; "
        f"connectors used at most {peak:.0f} MB"
    )
    assert (found.lost, found.doubled) == (0, 0)
    assert peak < MEMORY_BOUND_MB


def test_a_slow_database_holds_the_sources_back(rig: Rig, watch: Watch, tell: Callable[[str], None]) -> None:
    load = Load(rig, watch, "slow", rate=2_000.0)
    with psycopg.connect(rig.postgres.url(DBNAME)) as session:
        session.execute("LOCK TABLE telemetry_sample IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        watch.wait(
            lambda: (
                load.owner_facts()["rows_waiting"] >= ROWS_WAITING
                and {status["storage"] for status in load.reader.statuses()} == {"slow"}
            ),
            "the API says that the store is slow",
        )
        assert "The store answers slowly" in load.reader.page()
        held_s = time.monotonic() - started
        session.rollback()
    watch.wait(lambda: load.reader.statuses()[0]["storage"] == "ok", "the API says that all is well")
    assert "The store answers slowly" not in load.reader.page()
    verdict(f"database that stood still for {held_s:.0f} s", load.end(), watch, tell)


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Mount a small disk of its own on a folder; what is open there at the end does not hold it."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=777", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount the small disks that this test fills")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def store_on(rig: Rig, folder: Path) -> Iterator[None]:
    """Put new and present chunks of samples on a disk, and back where the data folder is."""
    owner = rig.postgres.data.stat()
    os.chown(folder, owner.st_uid, owner.st_gid)

    def move(space: str) -> None:
        with psycopg.connect(rig.postgres.url(DBNAME), autocommit=True) as session:
            tables = session.execute(
                "SELECT relid::text FROM pg_partition_tree('telemetry_sample')"
                " UNION SELECT indexrelid::regclass::text FROM pg_index"
                " WHERE indrelid IN (SELECT relid FROM pg_partition_tree('telemetry_sample'))"
            ).fetchall()
            for (name,) in tables:
                kind = session.execute("SELECT relkind FROM pg_class WHERE oid = %s::regclass", [name])
                row = kind.fetchone()
                assert row is not None
                what = "INDEX" if row[0] in ("i", "I") else "TABLE"
                session.execute(f"ALTER {what} {name} SET TABLESPACE {space}")

    with psycopg.connect(rig.postgres.url(DBNAME), autocommit=True) as session:
        session.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
    move("small")
    try:
        yield
    finally:
        move("pg_default")


def test_full_disks_of_store_and_spool_lose_nothing(
    rig: Rig, watch: Watch, tell: Callable[[str], None]
) -> None:
    disk, spool = rig.folder / "small", rig.folder / "var" / "spool"
    # Whatever happens, both disks are let go of before they are taken away.
    with small_disk(disk, "24m"), small_disk(spool, "2m"), store_on(rig, disk), contextlib.closing(watch):
        load = Load(rig, watch, "full", rate=1_000.0)
        used = shutil.disk_usage(disk)
        filler = disk / "filler"
        # Other people's files take the rest, but for a little.
        filler.write_bytes(b"x" * max(0, used.free - 2_000_000))
        watch.wait(
            lambda: {status["storage"] for status in load.reader.statuses()} == {"full"},
            "the API says that both disks are full",
        )
        assert "the disk for waiting values is full" in load.reader.page()
        watch.wait(
            lambda: load.owner_facts()["rows_waiting"] >= ROWS_WAITING,
            "the pipeline is full too, and bounded",
        )
        assert shutil.disk_usage(spool).free < 1_000_000
        filler.unlink()
        subprocess.run(["mount", "-o", "remount,size=300m", str(disk)], check=True)
        watch.wait(lambda: load.reader.statuses()[0]["storage"] == "ok", "the API says that all is well")
        # What a connection has seen is written after what its process says of itself, in a transaction of its own.
        watch.wait(
            lambda: {"store_away", "spool_full", "store_back"} <= load.reader.events(),
            "the API tells the story",
        )
        verdict("full disks", load.end(), watch, tell)


def test_killed_with_values_on_disk_only_while_the_database_is_away(
    rig: Rig, watch: Watch, tell: Callable[[str], None]
) -> None:
    load = Load(rig, watch, "away", rate=400.0)
    spool = rig.folder / "var" / "spool"

    def spooled() -> int:
        return sum(path.stat().st_size for path in spool.rglob("*.spool"))

    watch.is_off_duty = True
    watch.kill("database")
    # Acknowledged, and nowhere but in the spool of a process that is killed twice.
    watch.wait(lambda: spooled() > 200_000, "values wait on disk")
    watch.kill("connectors")
    watch.children["connectors"].start()
    time.sleep(2.0)
    watch.kill("connectors")
    watch.is_off_duty = False
    watch.wait(lambda: rig.postgres.is_running, "the database is back")
    load.grow("values are stored again")
    watch.wait(lambda: spooled() == 0, "what waited is stored")
    verdict("killed while the database was away", load.end(), watch, tell)


def test_a_broker_that_flaps_is_told_and_nothing_is_lost(
    rig: Rig, watch: Watch, tell: Callable[[str], None]
) -> None:
    load = Load(rig, watch, "flaps", rate=300.0)
    for _ in range(2):
        watch.is_off_duty = True
        rig.broker.stop()
        watch.wait(
            lambda: {status["state"] for status in load.reader.statuses()} == {"retrying"},
            "the API says that the broker cannot be reached",
        )
        page = load.reader.page()
        assert "Retrying" in page
        assert load.reader.statuses()[0]["fault"]
        watch.is_off_duty = False
        watch.wait(
            lambda: {status["state"] for status in load.reader.statuses()} == {"running"}, "it is back"
        )
        load.grow("values are stored again")
    # It goes and comes while nobody listens: what it keeps for its member must survive that too.
    watch.drop("connectors")
    rig.broker.stop()
    watch.wait(lambda: rig.broker.is_running, "the broker is back without a listener")
    time.sleep(2.0)
    watch.add_connectors()
    load.grow("values are stored again")
    verdict("broker that flaps", load.end(), watch, tell)
