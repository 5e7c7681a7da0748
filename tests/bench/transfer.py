"""Samples of the past as people send them: a file of ten million rows, CSV and Parquet, by the worker of the product.

Measured is the whole job: counting, reading, screening, storing, roll-ups. Not here: samples of devices (ingest); a
worker that dies in the middle (tests/transfer).
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
from django.conf import settings
from django.core.files import File as Body
from numpy.typing import NDArray

from forgeline.identity.policy import Actor, actor_scope, permissions_of
from forgeline.jobs import files
from forgeline.jobs.models import Job
from forgeline.tenancy.scoping import tenant_scope
from forgeline.transfer.samples import importing
from tests.bench.plant import BenchPlant, make_plant
from tests.bench.yardstick import copy_rows_per_s
from tests.rig import Rig, peak_memory_mb, running_rig

MACHINES, POINTS = 50, 10
ROUNDS = 20_000
"""Samples of each point: ten million rows, the most that a file may have."""
STEP_US = 4_000_000
PIECE = 500
"""Rounds that are written at once."""
WORKER = """
import time, django
django.setup()
from forgeline.jobs import working
while True:
    working.work()
    time.sleep(0.2)
"""
WITHIN_S = 1200


def main(target: str) -> None:
    results: dict[str, float] = {}
    with running_rig() as rig:
        # The worker's folder, into which the web process puts what is sent.
        settings.JOBS["FOLDER"] = rig.folder / "var" / "files"
        plant = make_plant(machines=MACHINES, points=POINTS, name="history")
        start_us = (int(time.time()) - 86_400) * 1_000_000 - 2 * ROUNDS * STEP_US
        raw = copy_rows_per_s(
            rig.owner_url, plant.point_ids, rounds=ROUNDS // 10, start_us=start_us, step_us=STEP_US
        )
        print(f"  raw COPY of the same rows: {raw:,.0f} rows/s")
        for at, form in enumerate(("csv", "parquet")):
            path = rig.folder / f"history.{form}"
            _write(path, form, plant, start_us + at * ROUNDS * STEP_US)
            rate, peak = _import(rig, plant, path)
            results[f"transfer.import_{form}_rows_per_s"] = rate
            results["transfer.import_peak_mb"] = max(peak, results.get("transfer.import_peak_mb", 0.0))
            path.unlink()
    Path(target).write_text(json.dumps(results), encoding="utf-8")


def _write(path: Path, form: str, plant: BenchPlant, start_us: int) -> None:
    """Write what a historian gives: all points of a moment, then the next moment."""
    words = [f"Bench/M{number}/{key}" for number in range(MACHINES) for key in plant.keys]
    schema = pa.schema(
        [("time", pa.timestamp("us", tz="UTC")), ("point", pa.string()), ("value", pa.float64())]
    )
    rng = np.random.default_rng(4)
    if form == "csv":
        options = arrow_csv.WriteOptions(quoting_style="none")
        columns = pa.schema([pa.field("time", pa.string()), *list(schema)[1:]])
        with arrow_csv.CSVWriter(path, columns, write_options=options) as text:
            for first in range(0, ROUNDS, PIECE):
                table = _piece(schema, words, start_us, first, rng)
                shown = pc.strftime(table.column("time"), "%Y-%m-%dT%H:%M:%SZ")
                text.write_table(table.set_column(0, columns.field(0), shown))
        return
    with pq.ParquetWriter(path, schema) as packed:
        for first in range(0, ROUNDS, PIECE):
            packed.write_table(_piece(schema, words, start_us, first, rng))


def _piece(
    schema: pa.Schema, words: list[str], start_us: int, first: int, rng: np.random.Generator
) -> pa.Table:
    ticks: NDArray[np.int64] = np.repeat(np.arange(first, first + PIECE, dtype=np.int64), len(words))
    values = np.round(50 + rng.standard_normal(len(ticks)), 3)
    return pa.table([start_us + ticks * STEP_US, words * PIECE, values], schema=schema)


def _import(rig: Rig, plant: BenchPlant, path: Path) -> tuple[float, float]:
    """Return rows/s from the job's start to its end, and the peak MB of the worker."""
    company, rows = plant.company, ROUNDS * len(plant.point_ids)
    before = rig.committed()
    boss = Actor(
        company.tenant_id, "manager", user_id=company.manager.pk, label="Bench",
        permissions=permissions_of("manager"),
    )  # fmt: skip
    with tenant_scope(company.tenant_id), actor_scope(boss), path.open("rb") as raw:
        upload = files.store_upload(path.name, Body(raw), actor=boss)
        job = importing.start_import(actor=boss, upload=upload, dry_run=False)
    peak_mb = 0.0
    worker = rig.start("worker", "-c", WORKER)
    try:
        deadline = time.monotonic() + WITHIN_S
        while (told := _look(plant, job.pk)).is_open:
            assert time.monotonic() < deadline, f"the import stands at {told.progress} %: {told.message}"
            peak_mb = max(peak_mb, peak_memory_mb(worker.pid))
            time.sleep(0.1)
    finally:
        rig.kill("worker")
    result: dict[str, Any] = told.result or {}
    assert (told.state, result.get("rows"), result.get("accepted")) == ("done", rows, rows), told.message
    # Neither lost nor doubled: what the log says went in is what the file held.
    assert rig.committed() - before == rows
    assert told.started_at is not None
    assert told.finished_at is not None
    return rows / (told.finished_at - told.started_at).total_seconds(), peak_mb


def _look(plant: BenchPlant, job_id: int) -> Job:
    with tenant_scope(plant.company.tenant_id):
        return Job.objects.get(pk=job_id)
