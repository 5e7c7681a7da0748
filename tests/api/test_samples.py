"""Samples in and out over REST: idempotent, refused by row with a reason, thinned without losing a peak, as CSV."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from forgeline.telemetry import ingest
from tests.api.conftest import make_machine
from tests.conftest import Company

ClientOf = Callable[[str], APIClient]


pytestmark = pytest.mark.usefixtures("fresh_ingest")


def _post(client: APIClient, **columns: list[object]) -> dict[str, object]:
    answer = client.post("/api/v1/samples/", columns, format="json")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def test_posted_twice_is_stored_once(live_company: Company, client_of: ClientOf) -> None:
    client = client_of(live_company.manager_key)
    point = make_machine(client)["points"]["power"]["id"]
    now_ms = int(time.time() * 1000)
    columns = {
        "point": [point] * 3,
        "ts": [now_ms - 3000, now_ms - 2000, now_ms - 1000],
        "value": [1.5, 2.5, 3.5],
    }
    assert _post(client, **columns)["accepted"] == 3
    assert _post(client, **columns)["replaced"] == 3
    series = client.get(f"/api/v1/samples/?point={point}&from={now_ms - 60_000}").json()["results"][0]
    assert series["value"] == [1.5, 2.5, 3.5]
    assert series["unit"] == "kW"
    assert series["resolution"] == "raw"
    ingest.flush()
    latest = client.get(f"/api/v1/latest/?point={point}").json()["results"]
    assert [(row["value"], row["ts_ms"]) for row in latest] == [(3.5, now_ms - 1000)]


def test_rows_that_cannot_be_taken_are_named_and_the_others_stored(
    live_company: Company, live_stranger: Company, client_of: ClientOf
) -> None:
    client = client_of(live_company.manager_key)
    foreign = make_machine(client_of(live_stranger.manager_key))["points"]["power"]["id"]
    own = make_machine(client)["points"]["power"]["id"]
    now_ms = int(time.time() * 1000)
    answer = _post(
        client,
        point=[own, foreign, own, own],
        ts=[now_ms, now_ms, now_ms + 3_600_000, None],
        value=[1.0, 2.0, 3.0, 4.0],
    )
    assert answer["accepted"] == 2
    reasons = {row["row"]: row["reason"] for row in answer["reasons"]}  # type: ignore[attr-defined]
    assert set(reasons) == {1, 2}
    assert reasons[1] == "telemetry.unknown_point"
    assert (
        client_of(live_stranger.manager_key)
        .get(f"/api/v1/samples/?point={foreign}")
        .json()["results"][0]["value"]
        == []
    )


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"point": [1]},
        {"point": [1], "ts": [1, 2], "value": [1]},
        {"point": ["a"], "ts": [1], "value": [1]},
        {"point": [1], "ts": ["now"], "value": [1]},
        {"point": [1], "ts": [1], "value": [[1]]},
        {"point": [1], "ts": [1], "value": [1], "quality": [7]},
        {"point": [1], "ts": [1], "value": [1], "quality": 2},
        {"point": [1], "ts": [1], "value": [1], "quality": [True]},
        {"point": [1], "ts": [1], "value": [1], "status": ["x"]},
        {"point": [1], "ts": [1], "value": [1], "qualities": [2]},
        {"rows": [{"point": 1, "timestamp": 1, "value": 1}]},
        {"rows": [{"point": 1, "ts": 1, "value": 1}], "quality": [2]},
        {"rows": [1]},
        {"point": [1] * 50_001, "ts": [1] * 50_001, "value": [1] * 50_001},
    ],
)
def test_malformed_bodies_are_refused_with_a_sentence(
    live_company: Company, client_of: ClientOf, body: object
) -> None:
    answer = client_of(live_company.manager_key).post("/api/v1/samples/", body, format="json")
    assert answer.status_code == 400, answer.content
    assert answer.json()["title"]


def test_a_row_that_is_none_is_named_and_one_that_is_too_large_refused_by_itself(
    live_company: Company, client_of: ClientOf
) -> None:
    client = client_of(live_company.manager_key)
    point = make_machine(client)["points"]["power"]["id"]
    now_ms = int(time.time() * 1000)
    for column, strange in (("point", "7"), ("ts", "now"), ("value", [1]), ("quality", 3), ("status", 1.5)):
        good: dict[str, list[object]] = {
            "point": [point] * 3, "ts": [now_ms] * 3, "value": [1] * 3, "quality": [0] * 3, "status": [0] * 3,
        }  # fmt: skip
        answer = client.post(
            "/api/v1/samples/", {**good, column: [*good[column][:2], strange]}, format="json"
        )
        assert (answer.status_code, answer.json()["data"]) == (400, {"row": 2}), column
        assert "row 2" in answer.json()["title"]
    assert client.get(f"/api/v1/samples/?point={point}").json()["results"][0]["value"] == []
    values = [1.0, 1e101, 10**400, -(10**400)]
    stored = _post(
        client, point=[point] * 4, ts=[now_ms + at for at in range(4)], value=values, status=[7] * 4
    )
    assert stored["accepted"] == 2
    assert [(each["row"], each["reason"]) for each in stored["reasons"]] == [  # type: ignore[attr-defined]
        (2, "telemetry.infinite"), (3, "telemetry.infinite"),
    ]  # fmt: skip
    ingest.flush()
    latest = client.get(f"/api/v1/latest/?point={point}").json()["results"][0]
    assert (latest["value"], latest["quality"], latest["status"]) == (1e101, 1, 7)


@pytest.mark.parametrize(
    "asked",
    [
        "latest/?point=1&foo=1", "latest/?point=1&point=2", "latest/?point=1&asset=1", "samples/?point=1&column=mean",
        "samples/?point=1&as=xlsx", "samples/?point=1&as=csv&resolution=1h", "samples/?point=1&as=parquet&columns=mean",
        "samples/?point=1&columns=avg", "samples/?point=1&from=2026-01-01T00:00:00", "points/?role=power&role=energy",
    ],
)  # fmt: skip
def test_a_question_that_would_be_answered_otherwise_is_refused(
    live_company: Company, client_of: ClientOf, asked: str
) -> None:
    answer = client_of(live_company.manager_key).get(f"/api/v1/{asked}")
    assert answer.status_code == 400, answer.content
    assert answer.json()["title"]


def test_many_may_be_named_in_one_filter_or_in_several(live_company: Company, client_of: ClientOf) -> None:
    client = client_of(live_company.manager_key)
    machine = make_machine(client)
    asset = next(iter(machine["points"].values()))["asset"]
    both = client.get(f"/api/v1/points/?asset={asset}&asset=999999").json()["results"]
    assert len(both) == len(client.get(f"/api/v1/points/?asset={asset},999999").json()["results"]) > 1


def test_a_name_that_no_field_bears_is_refused(live_company: Company, client_of: ClientOf) -> None:
    client = client_of(live_company.manager_key)
    machine = make_machine(client)
    point = machine["points"]["power"]["id"]
    for method, path, body in (
        ("post", "api-keys/", {"name": "typo", "role": "viewer", "branch": ["/3/"], "expires": "2030-01-01T00:00:00Z"}),
        ("patch", f"points/{point}/", {"nmae": "x"}),
        ("patch", f"points/{point}/", {"key": "other"}),
        ("patch", f"assets/{machine['machine']['id']}/", {"level": "area"}),
        ("post", "devices/", {"key": "k", "asst": 1}),
    ):  # fmt: skip
        answer = getattr(client, method)(f"/api/v1/{path}", body, format="json")
        assert answer.status_code == 400, (path, answer.content)
        assert set(answer.json()["data"]["fields"]) <= set(body)
    # What was read may be sent back whole.
    for path in (f"points/{point}/", f"assets/{machine['machine']['id']}/"):
        row = client.get(f"/api/v1/{path}").json()
        assert client.patch(f"/api/v1/{path}", row, format="json").status_code == 200
    naive = {"name": "naive", "role": "viewer", "expires_at": "2030-01-01T00:00:00"}
    refused = client.post("/api/v1/api-keys/", naive, format="json")
    assert "with its zone" in str(refused.json()["data"]["fields"]["expires_at"])


def test_peak_survives_thinning(live_company: Company, client_of: ClientOf) -> None:
    client = client_of(live_company.manager_key)
    point = make_machine(client)["points"]["power"]["id"]
    start_ms = int(time.time() * 1000) - 6_000_000
    size = 6000
    values = [float(i % 7) for i in range(size)]
    values[4321] = 99.0
    _post(client, point=[point] * size, ts=[start_ms + i * 1000 for i in range(size)], value=values)
    query = (
        f"/api/v1/samples/?point={point}&from={start_ms}&to={start_ms + 6_000_000}&resolution=raw&pairs=50"
    )
    series = client.get(query).json()["results"][0]
    assert series["is_reduced"] is True
    assert len(series["value"]) <= 100
    assert max(series["value"]) == 99.0
    assert min(series["value"]) == 0.0


def test_csv_streams_every_sample_of_its_own_tenant(
    live_company: Company, live_stranger: Company, client_of: ClientOf
) -> None:
    client = client_of(live_company.manager_key)
    point = make_machine(client)["points"]["power"]["id"]
    start_ms = int(time.time() * 1000) - 60_000
    _post(
        client,
        point=[point] * 30,
        ts=[start_ms + i * 1000 for i in range(30)],
        value=[float(i) for i in range(30)],
    )
    query = f"/api/v1/samples/?point={point}&from={start_ms - 1000}&as=csv"
    lines = b"".join(client.get(query).streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert lines[0].startswith("time_utc,machine,point")
    assert len(lines) == 31
    foreign = client_of(live_stranger.manager_key).get(query)
    assert len(b"".join(foreign.streaming_content).decode().splitlines()) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "query", ["", "?point=x", "?point=1&from=5&to=1", "?point=1&resolution=2h", "?point=1&from=soon"]
)
def test_bad_questions_get_a_sentence(live_company: Company, client_of: ClientOf, query: str) -> None:
    answer = client_of(live_company.manager_key).get(f"/api/v1/samples/{query}")
    assert answer.status_code == 400
    assert answer.json()["key"] == "telemetry.invalid_request"
