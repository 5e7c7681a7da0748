"""The bound on a company's calls, counted in a real Valkey over a window short enough to wait for."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime

import pytest

from forgeline.identity import calls

_fresh = itertools.count(int(time.time() * 1000) * 1000)


@pytest.fixture
def company(monkeypatch: pytest.MonkeyPatch) -> int:
    """A company that no other run has counted for; its window is 2 s, and begins with the test."""
    monkeypatch.setattr(calls, "WINDOW_S", 2)
    time.sleep(2 - time.time() % 2)
    return next(_fresh)


def test_what_is_left_falls_to_nothing_and_the_refused_cost_nothing(company: int) -> None:
    bounds = [calls._count(company, 3, calls=1) for _ in range(5)]
    assert [bound.left for bound in bounds] == [2, 1, 0, 0, 0]
    assert [bound.is_refused for bound in bounds] == [False, False, False, True, True]
    assert calls.read_calls(company, datetime.now(UTC)) == 3


def test_looking_takes_nothing(company: int) -> None:
    calls._count(company, 3, calls=1)
    assert [calls._count(company, 3, calls=0).left for _ in range(2)] == [2, 2]
    assert calls.read_calls(company, datetime.now(UTC)) == 1


def test_one_passes_after_the_wait_that_was_told_and_not_twice_as_many_at_the_turn(company: int) -> None:
    while not (refused := calls._count(company, 20, calls=1)).is_refused:
        pass
    # The first moments of the next window remember the whole of this one.
    time.sleep(2 - time.time() % 2 + 0.05)
    passed = [calls._count(company, 20, calls=1).is_refused for _ in range(20)].count(False)
    assert 0 < passed < 15
    again = calls._count(company, 20, calls=1)
    assert again.is_refused
    assert 1 <= again.wait_s <= 2 >= refused.wait_s - 1
    time.sleep(again.wait_s)
    assert not calls._count(company, 20, calls=1).is_refused


def test_a_minute_without_a_call_is_forgotten(company: int) -> None:
    while not calls._count(company, 2, calls=1).is_refused:
        pass
    time.sleep(4.1)
    assert calls._count(company, 2, calls=1).left == 1
