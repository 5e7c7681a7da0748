"""Machine states: the rule on tracks, and intervals that follow the commit log."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from forgeline.assets.profiles import PROFILES
from forgeline.base.clock import now_us
from forgeline.telemetry import ingest, states
from forgeline.telemetry.models import State, StateInterval
from forgeline.telemetry.sample import SampleBatch
from forgeline.telemetry.state_rules import (
    MachineState,
    Override,
    StateRule,
    Threshold,
    Track,
    check_section,
    derive_states,
    parse_section,
)
from forgeline.tenancy.scoping import tenant_scope
from tests.telemetry.conftest import Plant, wait_for_followers

S = 1_000_000


def _track(*rows: tuple[float, float, int], interval_s: float = 10) -> Track:
    ts, value, quality = zip(*rows, strict=True)
    return Track(
        (np.array(ts) * S).astype(np.int64),
        np.array(value, np.float64),
        np.array(quality, np.int16),
        interval_s,
    )


RULE = StateRule(point="state", map={2: MachineState.RUNNING, 1: MachineState.IDLE})


def _words(spans: list[Any]) -> list[tuple[float, float, str]]:
    return [(span.from_us / S, span.to_us / S, span.state.value) for span in spans]


def test_a_value_holds_at_most_three_intervals() -> None:
    spans = derive_states(RULE, _track((0, 2, 0), (10, 1, 0)), None, 0, 100 * S)
    assert _words(spans) == [(0, 10, "running"), (10, 40, "idle"), (40, 100, "no_data")]


def test_bad_values_and_unknown_codes_are_no_data() -> None:
    spans = derive_states(RULE, _track((0, 2, 0), (5, 2, 2), (8, 7, 0), (9, 2, 0)), None, 0, 10 * S)
    assert _words(spans) == [(0, 5, "running"), (5, 9, "no_data"), (9, 10, "running")]


def test_an_override_outweighs() -> None:
    rule = StateRule(point="state", map=RULE.map, override=Override("mode", {2: MachineState.MAINTENANCE}))
    mode = _track((3, 2, 0), (6, 1, 0))
    spans = derive_states(rule, _track((0, 2, 0)), mode, 0, 10 * S)
    assert _words(spans) == [(0, 3, "running"), (3, 6, "maintenance"), (6, 10, "running")]


def test_thresholds_read_a_measurement() -> None:
    rule = StateRule(
        point="power",
        thresholds=(
            Threshold(MachineState.OFF, 1),
            Threshold(MachineState.IDLE, 5),
            Threshold(MachineState.RUNNING),
        ),
    )
    spans = derive_states(rule, _track((0, 0.2, 0), (2, 3, 0), (4, 50, 0)), None, 0, 6 * S)
    assert _words(spans) == [(0, 2, "off"), (2, 4, "idle"), (4, 6, "running")]


def test_words_are_those_of_the_model() -> None:
    assert {state.value for state in MachineState} == set(State.values)


def test_every_profile_has_a_rule_that_holds_water() -> None:
    for profile in PROFILES.values():
        assert parse_section(profile.sections["telemetry"]).states is not None


@pytest.mark.parametrize(
    "section",
    [
        {"states": {"point": "nowhere", "map": {1: "running"}}},
        {"states": {"point": "state"}},
        {"states": {"point": "state", "map": {1: "dancing"}}},
        {"states": {"point": "state", "thresholds": [{"below": 3, "state": "off"}]}},
        {"states": {"point": "state", "map": {1: "idle"}, "colour": "red"}},
    ],
)
def test_faults_of_a_rule_are_told(section: dict[str, Any]) -> None:
    assert check_section(section, ["state"])


def _intervals(plant: Plant) -> list[tuple[str, float, float | None]]:
    with tenant_scope(plant.tenant_id):
        rows = StateInterval.objects.filter(asset=plant.machine).order_by("started_at")
        first = rows[0].started_at
        return [
            (
                row.state,
                (row.started_at - first).total_seconds(),
                None if row.ended_at is None else (row.ended_at - first).total_seconds(),
            )
            for row in rows
        ]


def test_intervals_follow_the_commits(plant: Plant) -> None:
    with tenant_scope(plant.tenant_id):
        plant.machine.profile = "compressor"
        plant.machine.save()
    point = plant.add_point("state", kind=2, expected_interval_s=100)
    start = now_us() - 3600 * S
    ts = start + np.arange(0, 1000, 100) * S
    codes = [2, 2, 2, 1, 1, 1, 0, 0, 2, 2]
    ingest.ingest_batch(SampleBatch.from_columns([point] * 10, ts, codes))
    now = start + 950 * S
    wait_for_followers()
    assert states.follow(plant.tenant_id, now_us=now) == 1
    assert _intervals(plant) == [
        ("running", 0, 300),
        ("idle", 300, 600),
        ("off", 600, 800),
        ("running", 800, None),
    ]
    # Nothing new: nothing to do.
    assert states.follow(plant.tenant_id, now_us=now) == 0
    # A late row changes the past, from its own time on.
    ingest.ingest_batch(SampleBatch.from_columns([point], [start + 350 * S], [0]))
    wait_for_followers()
    states.follow(plant.tenant_id, now_us=now)
    assert _intervals(plant)[:4] == [
        ("running", 0, 300), ("idle", 300, 350), ("off", 350, 400), ("idle", 400, 600)
    ]  # fmt: skip
    # The machine falls silent: after three intervals there is no data, without any commit.
    assert states.follow(plant.tenant_id, now_us=start + 1300 * S) == 1
    assert _intervals(plant)[-2:] == [("running", 800, 1200), ("no_data", 1200, None)]
    with tenant_scope(plant.tenant_id):
        current = states.read_current([plant.machine.pk])
    assert current == {plant.machine.pk: (MachineState.NO_DATA, start + 1200 * S)}
