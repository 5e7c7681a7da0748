"""Samples of the past: both shapes and formats, times of every kind, faults told, nothing lost or doubled by a kill."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import settings as product
from django.test import Client
from pyarrow.csv import write_csv
from rest_framework.test import APIClient

from forgeline.assets.models import Asset, Site
from forgeline.assets.services import create_asset
from forgeline.base import clock
from forgeline.jobs import working
from forgeline.jobs.models import Job
from forgeline.telemetry import ingest, queries
from forgeline.telemetry.engines.base import Resolution
from forgeline.telemetry.sample import SampleFlag
from forgeline.tenancy.scoping import tenant_scope
from forgeline.transfer.samples.parsing import NO_TIME, parse_times, parse_values
from forgeline.transfer.samples.rows import PointBook
from forgeline.transfer.sheets.places import PlaceBook
from tests.api.conftest import make_machine
from tests.conftest import Company
from tests.transfer.conftest import upload

Through = Callable[[Any], Any]
ROOT = Path(product.BASE_DIR)
DAY = (clock.now() - timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
def machine(client: APIClient) -> Any:
    return make_machine(client)


def send(client: APIClient, name: str, body: bytes | str, **given: Any) -> Any:
    raw = body.encode() if isinstance(body, str) else body
    return client.post(
        "/api/v1/sample-imports/",
        {"upload": upload(client, name, raw), "dry_run": False, **given},
        format="json",
    )


def stored(company: Company, point: int) -> list[tuple[int, Any, int]]:
    with tenant_scope(company.tenant_id):
        pages = queries.iterate_raw(point, 0, clock.now_us() + 10**9)
        return [(row[0], row[1], row[2]) for page in pages for row in page]


def us(at: datetime) -> int:
    return clock.to_us(at)


def test_long_csv_by_path_and_number(
    client: APIClient, work_off: Through, live_company: Company, machine: Any
) -> None:
    power, works = machine["points"]["power"]["id"], machine["plant"]["name"]
    path = f"{works}/Hall/Line/Press 1/power"
    at = DAY.strftime("%Y-%m-%dT%H:%M")
    body = (
        "time,point,value,quality\n"
        f"{at}:00Z,{path},1.5,\n{at}:01Z,{power},2,good\n{at}:02+00:00,{power},,bad\n"
        f"{us(DAY) // 1000 + 3000},{power},4e0,1\n"
        f"\n{at}:05Z,nobody,1,\n{at}:06Z,{power},oops,\nyesterday,{power},1,\n{at}:08Z,{power},,\n"
        f"2001-01-01T00:00:00Z,{power},1,\n"
    )
    tried = work_off(send(client, "history.csv", body, dry_run=True))
    assert (tried["result"]["accepted"], tried["result"]["refused"]) == (4, 5)
    assert stored(live_company, power) == []
    job = work_off(client.post("/api/v1/sample-imports/", {"job": tried["id"]}, format="json"))
    result = job["result"]
    assert (job["state"], result["accepted"], result["refused"]) == ("done", 4, 5)
    assert result["reasons"] == {
        "transfer.not_a_time": 1, "telemetry.unknown_point": 1, "transfer.not_a_value": 1, "telemetry.not_a_number": 1,
        "telemetry.too_old": 1,
    }  # fmt: skip
    # Rows as an editor numbers them, the blank one counted.
    assert [(fault["row"], fault["value"].split()[0]) for fault in result["faults"]][:3] == [
        ("7", "nobody"), ("8", "oops"), ("9", "yesterday"),
    ]  # fmt: skip
    assert result["unknown"] == {"nobody": 1}
    rows = stored(live_company, power)
    assert [(ts - us(DAY)) // 1_000_000 for ts, _value, _quality in rows] == [0, 1, 2, 3]
    assert [(value, quality) for _ts, value, quality in rows] == [(1.5, 0), (2.0, 0), (None, 2), (4.0, 1)]
    with tenant_scope(live_company.tenant_id):
        latest = queries.read_latest([power])[power]
        assert latest.flags == SampleFlag.REPLAYED


def test_places_are_known_by_the_words_of_each_language_unless_two_share_them(
    client: APIClient, live_company: Company, machine: Any
) -> None:
    power, works = machine["points"]["power"]["id"], machine["plant"]["name"]
    with tenant_scope(live_company.tenant_id):
        Site.objects.update(names={"zh-hans": "一厂"})
        for name, word in (("Hall", "车间"), ("Line", "一号线"), ("Press 1", "1 号压力机")):
            Asset.objects.filter(name=name).update(names={"zh-hans": word})
        book = PointBook()
        for path in (f"{works}/Hall/Line/Press 1/power", "一厂/车间/一号线/1 号压力机/power"):
            assert book.find(path) == power
        assert book.find("一厂/车间/power") == 0
        places = PlaceBook()
        assert places.read("一厂/车间/二号线") == [works, "Hall", "二号线"]
        line = Asset.objects.get(name="Line")
        create_asset(
            site_id=line.site_id,
            parent_id=line.parent_id,
            level="line",
            name="Line 2",
            names={"zh-hans": "一号线"},
        )
        assert PlaceBook().read("一厂/车间/一号线") == [works, "Hall", "一号线"]
        assert PointBook().find(f"{works}/Hall/Line/Press 1/power") == power


def test_a_file_of_which_nothing_was_taken_is_not_simply_done(
    client: APIClient, work_off: Through, live_company: Company, sign_in: Callable[[Any], Client]
) -> None:
    body = "time,point,value\n2026-01-05T08:00:00Z,nobody,1\n2026-01-05T08:01:00Z,nobody,2\n"
    job = work_off(send(client, "history.csv", body))
    assert job["result"]["sentences"][0] == "Nothing was stored: all 2 samples of 2 rows were refused."
    page = sign_in(live_company.manager).get(f"/jobs/{job['id']}/").content.decode()
    assert '<span class="state warn"><i aria-hidden="true"></i>nothing taken, 2 refused</span>' in page
    assert "<th>Row</th>" in page
    assert "<th>Column</th>" not in page


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_wide_csv_with_a_zone_asked_for(
    client: APIClient, work_off: Through, live_company: Company, encoding: str
) -> None:
    machine = make_machine(client, "压力机")
    works = machine["plant"]["name"]
    names = [f"{works}/Hall/Line/压力机/{key}" for key in ("power", "energy")]
    text = f"时间;{names[0]};{names[1]};missing\n2026/1/5 08:00:00;1,5;;\n".replace("1,5", "1.5")
    day = DAY.strftime("%Y/%m/%d")
    text += f"{day} 08:00:00;2;10;7\n{day} 8:01;3;;\n"
    text = text.replace("2026/1/5", day.replace("/0", "/"), 1).replace(" 08:00:00;1.5", " 07:59:00;1.5")
    body = text.encode(encoding)
    asked = send(client, "w.csv", body)
    assert (asked.status_code, asked.json()["key"]) == (400, "transfer.zone_needed")
    assert send(client, "w.csv", body, zone="Moon/Base").status_code == 400
    job = work_off(send(client, "w.csv", body, zone="Asia/Shanghai"))
    assert (job["result"]["accepted"], job["result"]["unknown"]) == (4, {"missing": 1})
    rows = stored(live_company, machine["points"]["power"]["id"])
    eight = us(DAY.replace(tzinfo=UTC)) - 0  # 08:00 in Shanghai is midnight in UTC
    assert [(ts - eight) // 60_000_000 for ts, _v, _q in rows] == [-1, 0, 1]
    assert len(stored(live_company, machine["points"]["energy"]["id"])) == 1


@pytest.mark.parametrize("shape", ["long", "wide"])
def test_parquet_of_both_shapes(
    client: APIClient, work_off: Through, live_company: Company, machine: Any, shape: str
) -> None:
    power = machine["points"]["power"]["id"]
    size = 120_000
    ts = pa.array(us(DAY) + np.arange(size, dtype=np.int64) * 500_000, pa.timestamp("us", tz="UTC"))
    value = pa.array(np.arange(size, dtype=np.float64))
    columns = (
        {"time": ts, "point": pa.array([power] * size), "value": value}
        if shape == "long"
        else {"time": ts, str(power): value}
    )
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, row_group_size=70_000)
    job = work_off(send(client, "h.parquet", out.getvalue()))
    assert (job["state"], job["result"]["accepted"]) == ("done", size)
    rows = stored(live_company, power)
    assert len(rows) == size
    assert (rows[-1][1], rows[-1][0]) == (size - 1.0, us(DAY) + (size - 1) * 500_000)
    # Roll-ups are there with the job's end.
    with tenant_scope(live_company.tenant_id):
        [series] = queries.read_series(
            [power], us(DAY), us(DAY) + 3_600_000_000, resolution=Resolution.MINUTE
        )
    assert len(series.as_json()["ts_ms"]) == 60
    again = work_off(send(client, "h.parquet", out.getvalue()))
    assert (again["result"]["accepted"], again["result"]["existing"]) == (size, size)
    assert len(stored(live_company, power)) == size


def _table(point: int, size: int) -> pa.Table:
    return pa.table(
        {
            "time": pa.array(
                us(DAY) + np.arange(size, dtype=np.int64) * 100_000, pa.timestamp("us", tz="UTC")
            ),
            "point": pa.array(np.full(size, point)),
            "value": pa.array(np.arange(size, dtype=np.float64)),
        }
    )


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(
    client: APIClient,
    live_company: Company,
    machine: Any,
    child_environment: dict[str, str],
    settings: Any,
    kind: str,
) -> None:
    power = machine["points"]["power"]["id"]
    size = 400_000
    out = io.BytesIO()
    if kind == "csv":
        write_csv(_table(power, size), out)
    else:
        pq.write_table(_table(power, size), out, row_group_size=150_000)
    answer = send(client, f"big.{kind}", out.getvalue())
    assert answer.status_code == 202
    environment = child_environment | {"FORGELINE_VAR": str(Path(settings.JOBS["FOLDER"]).parent)}
    child = subprocess.Popen(
        [sys.executable, "-c", "import django; django.setup()\nfrom forgeline.jobs import working\nworking.work()"],
        cwd=ROOT, env=environment,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while True:
        told = client.get(f"/api/v1/jobs/{answer.json()['id']}/").json()
        if told["progress"] > 10:
            break
        assert told["state"] in {"waiting", "running"}, told
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.kill()
    child.wait()
    with tenant_scope(live_company.tenant_id):
        position = Job.objects.get().position
    assert 0 < position["rows"] < size
    later = clock.now() + working.CLAIM_FOR + timedelta(seconds=1)
    while working.work(now=lambda: later):
        pass
    told = client.get(f"/api/v1/jobs/{answer.json()['id']}/").json()
    assert (told["state"], told["result"]["rows"], told["result"]["accepted"]) == ("done", size, size)
    rows = stored(live_company, power)
    assert [value for _ts, value, _q in rows] == [float(n) for n in range(size)]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("e.csv", b""), ("e.csv", b"time,point,value\n"), ("e.csv", b"a,b\n1,2\n"),
        ("e.csv", b"time,time,value\n1,2,3\n"),
        ("e.csv", b"\x00\x01\x02\n\x00"), ("e.csv", b"PK\x03\x04zip"), ("e.parquet", b"PAR1" + bytes(100)),
        ("e.csv", b"just words without end"), ("e.csv", b"time,point,value\n1,2\n"), ("e.csv", b"\xff\xff,time\n\xff"),
    ],
)  # fmt: skip
def test_files_that_hold_no_samples_are_refused_at_once(
    client: APIClient, live_company: Company, name: str, body: bytes
) -> None:
    answer = send(client, name, body)
    assert (answer.status_code, answer.json()["key"]) == (400, "transfer.unreadable"), answer.content
    assert client.get("/api/v1/jobs/").json()["results"] == []


def test_points_of_others_are_unknown(
    client: APIClient, work_off: Through, live_company: Company, live_stranger: Company
) -> None:
    theirs = APIClient(headers={"Authorization": f"Bearer {live_stranger.manager_key}"})
    point = make_machine(theirs)["points"]["power"]["id"]
    job = work_off(send(client, "x.csv", f"time,point,value\n{us(DAY) // 1000},{point},1\n"))
    assert (job["result"]["accepted"], job["result"]["unknown"]) == (0, {str(point): 1})
    assert stored(live_stranger, point) == []


def test_times_of_every_kind() -> None:
    noon = 1_769_832_000_000_000
    words = [
        "2026-01-31T12:00:00", "2026-01-31 04:00:00Z", "2026-01-31T12:00:00.000000+08:00", "1769832000",
        "1769832000000", "1769832000000000", "1769832000.5", "2026/1/31 12:00", "31.01.2026", "2026-02-30 00:00:00",
        "", "now", "2026-01-31 12:00:00+0800",
    ]  # fmt: skip
    found, is_naive = parse_times(pa.array(words), "Asia/Shanghai")
    want = [noon] * 6 + [noon + 500_000, noon, None, None, None, None, noon]
    assert [None if ts == NO_TIME else ts for ts in found.tolist()] == want
    assert is_naive
    assert parse_times(pa.array([noon, None], pa.int64()), "")[0].tolist() == [noon, NO_TIME]
    numbers, empty, wrong = parse_values(pa.array(["1", " -2.5e3 ", "", "true", "是", "x", "1e999", None]))
    assert numbers[:2].tolist() == [1.0, -2500.0]
    assert (numbers[3], numbers[4]) == (1.0, 1.0)
    assert empty.tolist() == [False, False, True, False, False, False, False, True]
    assert wrong.tolist() == [False] * 5 + [True, False, False]
    assert ingest.settle()
