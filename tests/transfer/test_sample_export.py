"""Samples out as Parquet: streamed from the endpoint in row groups, and by a job for many points."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from rest_framework.test import APIClient

from forgeline.base import clock
from forgeline.jobs import files, working
from forgeline.jobs.models import File, Job
from forgeline.telemetry import exporting, ingest
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests.api.conftest import make_machine
from tests.conftest import Company

Through = Callable[[Any], Any]
MINUTE = 60_000_000
SIZE = 5_000


@pytest.fixture
def machine(client: APIClient) -> Any:
    machine = make_machine(client, "=Press 1")
    start = clock.now_us() // MINUTE * MINUTE - SIZE * MINUTE
    ts = start + np.arange(SIZE) * MINUTE
    for key in ("power", "energy"):
        point = [machine["points"][key]["id"]] * SIZE
        ingest.ingest_batch(SampleBatch.from_columns(point, ts, np.arange(SIZE, dtype=np.float64)))
    return machine


def fetch(client: APIClient, job: Any) -> zipfile.ZipFile:
    [file] = [each for each in job["files"] if not each["is_input"]]
    answer: Any = client.get(f"/api/v1/jobs/{job['id']}/files/{file['id']}/")
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


def test_the_stream_is_parquet_in_row_groups(
    client: APIClient, machine: Any, live_stranger: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 500)
    monkeypatch.setattr(exporting, "GROUP", 1_000)
    ids = [machine["points"][key]["id"] for key in ("power", "energy")]
    address = f"/api/v1/samples/?point={ids[0]},{ids[1]}&from=0&as=parquet"
    answer: Any = client.get(address)
    assert answer["Content-Type"] == "application/vnd.apache.parquet"
    pieces = [len(piece) for piece in answer.streaming_content]
    assert len(pieces) > 10
    body = b"".join(client.get(address).streaming_content)  # type: ignore[attr-defined]
    file = pq.ParquetFile(io.BytesIO(body))
    assert file.schema_arrow.names == exporting.SCHEMA.names == list(exporting.MEANINGS)
    assert file.num_row_groups == 10
    table = file.read()
    assert table.num_rows == 2 * SIZE
    assert table.column("value").to_pylist()[:SIZE] == list(range(SIZE))
    assert set(table.column("point_id").to_pylist()) == set(ids)
    assert table.column("unit").to_pylist()[0] == "kW"
    stranger = APIClient(headers={"Authorization": f"Bearer {live_stranger.manager_key}"})
    theirs: Any = stranger.get(address)
    assert pq.read_table(io.BytesIO(b"".join(theirs.streaming_content))).num_rows == 0


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_many_points_are_written_by_a_job(
    client: APIClient, work_off: Through, machine: Any, form: str
) -> None:
    ids = [machine["points"][key]["id"] for key in ("power", "energy")]
    body = {
        "points": [*ids, ids[0]],
        "since": "2020-01-01T00:00:00Z",
        "until": "2100-01-01T00:00:00Z",
        "form": form,
    }
    job = work_off(client.post("/api/v1/sample-exports/", body, format="json"))
    assert (job["state"], job["result"]["samples"], job["result"]["points"]) == ("done", 2 * SIZE, 2), job
    packed = fetch(client, job)
    assert len(packed.namelist()) == 3
    readme = packed.read("README.md").decode()
    assert "| time_utc |" in readme
    for point in ids:
        [name] = [each for each in packed.namelist() if each.endswith(f"_{point}.{form}")]
        assert "/" not in name
        if form == "parquet":
            assert pq.read_table(io.BytesIO(packed.read(name))).num_rows == SIZE
        else:
            rows = list(csv.reader(io.StringIO(packed.read(name).decode("utf-8-sig"))))
            assert len(rows) == SIZE + 1
            # A name that a table program would take for a formula is text.
            assert rows[1][1] == "'=Press 1"


def test_what_was_written_before_a_kill_stays(
    client: APIClient, live_company: Company, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [machine["points"][key]["id"] for key in ("power", "energy")]
    body = {"points": ids, "since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
    answer = client.post("/api/v1/sample-exports/", body, format="json")
    job_id = answer.json()["id"]
    working._Slice(live_company.tenant_id, job_id, now=clock.now, slice_s=0).run()
    with tenant_scope(live_company.tenant_id):
        job = Job.objects.get(pk=job_id)
        assert job.position == {"done": 1, "samples": SIZE}
        folder = files.scratch(job)
    while working.work(slice_s=0):
        pass
    told = client.get(f"/api/v1/jobs/{job_id}/").json()
    assert (told["state"], told["result"]["samples"]) == ("done", 2 * SIZE)
    assert not folder.exists()
    with tenant_scope(live_company.tenant_id):
        assert File.objects.count() == 1


def test_points_that_are_not_ours_and_empty_spans(
    client: APIClient, machine: Any, live_stranger: Company
) -> None:
    stranger = APIClient(headers={"Authorization": f"Bearer {live_stranger.manager_key}"})
    body = {
        "points": [machine["points"]["power"]["id"]], "since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z",
    }  # fmt: skip
    answer = stranger.post("/api/v1/sample-exports/", body, format="json")
    assert (answer.status_code, "points" in answer.json()["data"]["fields"]) == (400, True)
    assert (
        client.post("/api/v1/sample-exports/", body | {"until": body["since"]}, format="json").status_code
        == 400
    )
