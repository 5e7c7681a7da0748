"""Jobs and uploads over REST: parts in order, bounds, names that are paths, files for whom they are meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from forgeline.identity.keys import make_key
from forgeline.identity.policy import Actor
from forgeline.jobs import services, working
from forgeline.jobs.models import File
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company


def client_of(key: str) -> APIClient:
    client = APIClient(headers={"Authorization": f"Bearer {key}"})
    client.raise_request_exception = False
    return client


def put(client: APIClient, upload: int, offset: object, part: bytes) -> Any:
    address = f"/api/v1/uploads/{upload}/?offset={offset}"
    return client.put(address, part, content_type="application/octet-stream")


def test_a_file_is_sent_in_parts_and_gone_on_with(live_company: Company) -> None:
    client = client_of(live_company.manager_key)
    made = client.post("/api/v1/uploads/", {"name": "压力机.csv"}, format="json")
    assert (made.status_code, made.json()["size_bytes"]) == (201, 0)
    upload = made.json()["id"]
    assert put(client, upload, 0, b"abc").json()["size_bytes"] == 3
    wrong = put(client, upload, 0, b"abc")
    assert (wrong.status_code, wrong.json()["key"], wrong.json()["data"]) == (
        409,
        "jobs.wrong_offset",
        {"size_bytes": 3},
    )
    assert put(client, upload, 3, b"def").json()["size_bytes"] == 6
    assert client.get(f"/api/v1/uploads/{upload}/").json()["size_bytes"] == 6
    for offset in ("", "x", "-1", "9" * 30):
        assert put(client, upload, offset, b"x").status_code == 400
    assert put(client, upload, 6, b"x" * (8 * 2**20 + 1)).status_code == 413
    other = client_of(live_company.viewer_key)
    assert put(other, upload, 6, b"x").status_code == 403
    assert client.delete(f"/api/v1/uploads/{upload}/").status_code == 204
    assert client.get(f"/api/v1/uploads/{upload}/").status_code == 404


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b.csv", "c:\\x.csv", "a\x00.csv", "", "x" * 121, ".bashrc"]
)
def test_names_that_are_paths_are_refused(live_company: Company, name: str) -> None:
    answer = client_of(live_company.manager_key).post("/api/v1/uploads/", {"name": name}, format="json")
    assert answer.status_code == 400
    with tenant_scope(live_company.tenant_id):
        assert not File.objects.exists()


def test_files_are_bounded(live_company: Company, settings: Any) -> None:
    settings.JOBS = settings.JOBS | {"COMPANY_FILES_MB": 0.001}
    client = client_of(live_company.manager_key)
    upload = client.post("/api/v1/uploads/", {"name": "a.csv"}, format="json").json()["id"]
    answer = put(client, upload, 0, b"x" * 2000)
    assert (answer.status_code, answer.json()["key"]) == (409, "jobs.no_room")
    assert client.get(f"/api/v1/uploads/{upload}/").json()["size_bytes"] == 0


def test_a_job_and_its_file_for_whom_they_are_meant(
    live_company: Company, live_stranger: Company, boss: Actor, tmp_path: Path
) -> None:
    with tenant_scope(live_company.tenant_id):
        job = services.start("test.count", actor=boss, facts={"to": 2, "path": str(tmp_path / "n.txt")})
        _row, narrow = make_key(name="n", role="manager", permissions=["jobs.view"], actor=boss)
    client = client_of(live_company.viewer_key)
    address = f"/api/v1/jobs/{job.pk}/"
    assert client.get(address).json()["state"] == "waiting"
    assert client.post(f"{address}cancel/").status_code == 403
    working.work()
    told = client.get(address).json()
    assert (told["state"], told["progress"], told["result"]) == ("done", 100, {"counts": {"numbers": 2}})
    fetched = client.get(f"{address}files/{told['files'][0]['id']}/")
    assert b"".join(fetched.streaming_content) == (tmp_path / "n.txt").read_bytes()
    assert fetched["Content-Disposition"] == 'attachment; filename="numbers.txt"'
    assert fetched["X-Content-SHA256"] == told["files"][0]["sha256"]
    for key in (narrow, live_stranger.manager_key):
        outside = client_of(key)
        assert outside.get(address).status_code == 404
        assert outside.get(f"{address}files/{told['files'][0]['id']}/").status_code == 404
        assert outside.get("/api/v1/jobs/").json()["results"] == []
    assert client.delete(address).status_code == 403
    assert client_of(live_company.manager_key).delete(address).status_code == 204
    assert client.get(address).status_code == 404
