"""When the client asks again, after how long, and what it says in the end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from forgeline_client import (
    ApiError,
    AsyncClient,
    ChangedMeanwhileError,
    Client,
    InvalidInputError,
    NotFoundError,
    Patience,
    RateLimitedError,
    UnavailableError,
)
from forgeline_client.retries import Attempts, seconds_of
from tests.forgeline_client.conftest import Moody

QUICK = Patience(total_s=5, first_pause_s=0.01, longest_pause_s=0.02, faults_borne=2)
TODAY = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)


def test_pauses_grow_to_a_bound_and_end_with_patience() -> None:
    attempts = Attempts(Patience(total_s=60, first_pause_s=0.5, longest_pause_s=4), begun_s=0)
    pauses = [attempts.next_pause(0, today=TODAY, chance=0.5) for _ in range(6)]
    assert pauses == [0.5, 1, 2, 4, 4, 4]
    assert attempts.next_pause(57, today=TODAY, chance=0.5) is None
    endless = Attempts(Patience(total_s=None), begun_s=0)
    assert endless.next_pause(1e9, today=TODAY, chance=0.0) is not None


@pytest.mark.parametrize(
    ("word", "seconds"),
    [("7", 7), ("Sat, 28 Nov 2026 08:00:30 GMT", 30), ("Sat, 28 Nov 2026 07:00:00 GMT", 0), ("soon", 0), ("", 0)],
)  # fmt: skip
def test_the_servers_word_is_understood(word: str, seconds: float) -> None:
    assert seconds_of(word, TODAY) == seconds


def test_what_the_server_asks_for_is_never_shortened() -> None:
    attempts = Attempts(Patience(total_s=60), begun_s=0)
    assert attempts.next_pause(0, retry_after="20", today=TODAY, chance=0) == 20
    assert attempts.next_pause(0, retry_after="61", today=TODAY, chance=0) is None


def test_a_post_is_asked_again_with_the_same_key(moody: Moody) -> None:
    moody.answers = [(503, {}, {}), (429, {"Retry-After": "0"}, {}), (201, {}, {"id": 7})]
    with Client(moody.address, "fl_x", patience=QUICK) as client:
        assert client.post("/devices/", {"key": "d"}) == {"id": 7}
    keys = {headers["Idempotency-Key"] for _method, _path, headers in moody.asked}
    assert (len(moody.asked), len(keys)) == (3, 1)
    assert moody.asked[0][1] == "/api/v1/devices/"
    assert moody.asked[0][2]["Authorization"] == "Bearer fl_x"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InvalidInputError), (404, NotFoundError), (412, ChangedMeanwhileError), (418, ApiError)],
)
def test_a_refusal_is_raised_at_once_with_what_the_envelope_says(
    moody: Moody, status: int, kind: type[ApiError]
) -> None:
    body = {"title": "No.", "key": "base.some", "detail": "Not so.", "data": {"fields": {"zone": ["Which?"]}}}
    moody.answers = [(status, {}, body)]
    with Client(moody.address, "k", patience=QUICK) as client, pytest.raises(kind) as caught:
        client.patch("/plants/1/", {})
    error = caught.value
    assert (error.status, error.key, error.title, error.fields) == (
        status,
        "base.some",
        "No.",
        {"zone": ["Which?"]},
    )
    assert str(error).startswith("No. Not so. {")
    assert str(ApiError(404, {"title": "No.", "detail": "No.", "key": "base.some"})) == "No. (404 base.some)"
    assert len(moody.asked) == 1


def test_a_fault_is_borne_so_often(moody: Moody) -> None:
    moody.answers = [(500, {}, {})] * 3
    with Client(moody.address, "k", patience=QUICK) as client, pytest.raises(ApiError):
        client.get("/me/")
    assert len(moody.asked) == 3


def test_patience_ends(moody: Moody) -> None:
    short = Patience(total_s=0.05, first_pause_s=0.02)
    moody.answers = [(503, {}, {})] * 9
    with Client(moody.address, "k", patience=short) as client, pytest.raises(UnavailableError):
        client.get("/me/")
    moody.answers = [(429, {"Retry-After": "60"}, {"title": "Too many.", "key": "base.throttled"})]
    with Client(moody.address, "k", patience=short) as client, pytest.raises(RateLimitedError):
        client.get("/me/")
    with Client("http://127.0.0.1:9", "k", patience=short) as client, pytest.raises(UnavailableError):
        client.get("/me/")


def test_pages_are_followed_by_both_clients(moody: Moody) -> None:
    second = f"{moody.address}/api/v1/points/?cursor=2"
    pages = [
        (200, {}, {"next": second, "results": [{"id": 1}]}),
        (200, {}, {"next": None, "results": [{"id": 2}]}),
    ]
    moody.answers = pages * 2
    with Client(moody.address, "k") as client:
        assert [row["id"] for row in client.points(asset=3)] == [1, 2]
    assert [path for _method, path, _headers in moody.asked] == [
        "/api/v1/points/?asset=3", "/api/v1/points/?cursor=2",
    ]  # fmt: skip

    async def ask() -> list[int]:
        async with AsyncClient(moody.address, "k", patience=QUICK) as client:
            return [row["id"] for row in await client.list_all("/points/")]

    assert asyncio.run(ask()) == [1, 2]


def test_an_address_that_is_none_is_said() -> None:
    with pytest.raises(ValueError, match="https://"):
        Client("forgeline.example.com", "k")


@pytest.mark.parametrize("key", ["", " \n", "fl_a b", "fl_schlüssel", "fl_a\x00"])
def test_a_key_that_is_none_is_said_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="must be an API key") as error:
        Client("https://forgeline.example.com", key)
    assert not key.strip() or key not in str(error.value)


def test_a_key_from_a_file_may_end_with_its_line(moody: Moody) -> None:
    moody.answers = [(200, {}, {"id": 7})]
    with Client(moody.address, "fl_key\n", patience=QUICK) as client:
        assert client.get("/me/") == {"id": 7}
    assert moody.asked[0][2]["Authorization"] == "Bearer fl_key"
