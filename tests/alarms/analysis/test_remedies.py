"""What would have calmed an alarm, of journals and samples whose answer is known by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from forgeline.alarms.analysis.calls import find_calls
from forgeline.alarms.analysis.remedies import Change, Outcome, choose, list_changes, try_on_journal
from forgeline.alarms.definitions import parse
from forgeline.alarms.judging.book import Input, Planned
from forgeline.alarms.judging.signals import Samples
from tests.alarms.analysis.stories import DAY, MONDAY, S, blip, journal


def planned(condition: dict[str, Any] | None = None, **said: Any) -> Planned:
    condition = condition or {"kind": "limit", "point": "oil", "level": "H", "limit": 80.0}
    return Planned(
        1, "hot", parse({"name": {"en": "x"}, "condition": condition, **said}), {"point": Input(1, 10.0)}
    )


def try_on(rule: Planned, *spans: tuple[float, float]) -> dict[tuple[str, float], Outcome]:
    lines = [line for at, length in spans for line in blip(1, at, length)]
    calls = find_calls(journal(*lines), MONDAY + DAY)
    return {(change.what, change.size): outcome for change, outcome in try_on_journal(rule, calls)}


def test_off_delay_bridges_gaps_and_on_delay_swallows_what_is_short() -> None:
    """Five blips of 4 s, 16 s apart, twice; and one alarm of 700 s."""
    spans = [(start + 20 * at, 4) for start in (0, 4000) for at in range(5)] + [(9000, 700)]
    found = try_on(planned(), *spans)
    assert found["off_delay_s", 10.0] == Outcome(before=11, after=11, real=1, lost=0, delay_s=0.0)
    assert found["off_delay_s", 30.0] == Outcome(before=11, after=3, real=1, lost=0, delay_s=0.0)
    assert found["on_delay_s", 5.0] == Outcome(before=11, after=1, real=1, lost=0, delay_s=5.0)
    assert found["on_delay_s", 600.0] == Outcome(before=11, after=1, real=1, lost=0, delay_s=600.0)
    assert found["on_delay_s", 1800.0] == Outcome(before=11, after=0, real=1, lost=1, delay_s=0.0)


def test_delays_that_stand_already_are_reckoned_with() -> None:
    rule = planned(on_delay_s=10.0, off_delay_s=20.0)
    spans = [(100 * at, 45) for at in range(6)]
    found = try_on(rule, *spans)
    assert {size for what, size in found if what == "on_delay_s"} == {30.0, 60.0, 120.0, 300.0, 600.0, 1800.0}
    # The condition held for 35 s: 45 s, 10 s more at its begin, 20 s less at its end.
    assert found["on_delay_s", 30.0].after == 6
    assert found["on_delay_s", 60.0].after == 0
    # 55 s lie between two alarms, 65 s between their conditions; 20 s of it are waited for already.
    assert found["off_delay_s", 60.0].after == 6
    assert found["off_delay_s", 120.0].after == 1


def test_wait_for_a_value_swallows_short_silence() -> None:
    rule = planned({"kind": "silence", "point": "oil"})  # three intervals: 30 s
    found = try_on(rule, *[(200 * at, 20) for at in range(9)], (4000, 1000))
    assert {what for what, _size in found} == {"after_s"}
    assert found["after_s", 60.0] == Outcome(before=10, after=1, real=1, lost=0, delay_s=30.0)


def test_deadbands_are_tried_on_samples_only() -> None:
    value = 80 + np.tile([-0.4, 0.4], 200)
    value[:9] = 95.0
    samples = Samples(np.ones(400, np.int32), MONDAY + np.arange(400) * 10 * S, value)
    assert {change.what for change in list_changes(planned())} == {"off_delay_s", "on_delay_s"}
    changes = list_changes(planned(), samples)
    assert changes[0].what == "deadband"
    assert [change.size for change in changes if change.what == "off_delay_s"][:2] == [5.0, 10.0]
    for change in changes:
        condition = change.planned.definition.condition
        changed = (
            getattr(condition, "deadband", 0), change.planned.definition.off_delay_s,
            change.planned.definition.on_delay_s,
        )  # fmt: skip
        assert sum(number != 0 for number in changed) == 1


def change(what: str, size: float) -> Change:
    return Change(what, size, planned())


def test_gentlest_of_those_that_calm_is_chosen() -> None:
    calm = Outcome(before=100, after=8, real=5, lost=0, delay_s=0.0)
    tried = [
        (change("on_delay_s", 5.0), calm), (change("off_delay_s", 60.0), calm),
        (change("off_delay_s", 30.0), calm), (change("deadband", 9.0), Outcome(100, 40, 5, 0, 0.0)),
    ]  # fmt: skip
    chosen = choose(tried)
    assert chosen is not None
    assert (chosen[0].what, chosen[0].size) == ("off_delay_s", 30.0)


def test_what_loses_real_alarms_is_not_chosen() -> None:
    lossy = Outcome(before=100, after=0, real=20, lost=2, delay_s=0.0)
    some = Outcome(before=100, after=60, real=20, lost=1, delay_s=10.0)
    little = Outcome(before=100, after=80, real=20, lost=0, delay_s=0.0)
    chosen = choose([(change("on_delay_s", 300.0), lossy), (change("on_delay_s", 10.0), some),
                     (change("off_delay_s", 5.0), little)])  # fmt: skip
    assert chosen is not None
    assert chosen[1] is some
    assert choose([(change("on_delay_s", 300.0), lossy), (change("off_delay_s", 5.0), little)]) is None
    assert choose([]) is None


@pytest.mark.parametrize("count", [1, 2])
def test_few_calls_are_no_trouble(count: int) -> None:
    found = try_on(planned(), *[(at * 1000, 5) for at in range(count)])
    assert found["off_delay_s", 1800.0].after == 1
