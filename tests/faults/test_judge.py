"""The judge is killed in the middle of a burst, again and again: the journal is complete and without doubles."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from forgeline.alarms.models import Judgement, Rule
from forgeline.base.clock import now_us
from forgeline.telemetry import ingest
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests.bench.plant import BenchPlant, make_plant
from tests.faults.watch import MANAGE, Watch
from tests.rig import Rig

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

S = 1_000_000
LIMIT = 100.0
STEP_US = 100_000
WITHIN_S = 15.0


def _make_rules(plant: BenchPlant) -> None:
    with tenant_scope(plant.company.tenant_id):
        Rule.objects.bulk_create(
            Rule(
                asset_id=asset_id, key=key,
                definition={
                    "name": {"en": key},
                    "condition": {"kind": "limit", "point": key, "level": "H", "limit": LIMIT, "deadband": 5},
                },
            )
            for asset_id in plant.asset_ids
            for key in plant.keys
        )  # fmt: skip
        Judgement.objects.get_or_create()


class Burst:
    """Values that go over their limit and back, all points at once, and what the journal must tell of them."""

    def __init__(self, plant: BenchPlant) -> None:
        self.plant = plant
        self.rng = np.random.default_rng(11)
        self.at_us = now_us() - 30 * S
        self.is_active = np.zeros(len(plant.point_ids), np.bool_)
        self.transitions = 0

    def send(self, steps: int) -> None:
        """Store some steps of every point, each a tenth of a second on."""
        for _ in range(steps):
            value = self.rng.choice([50.0, 97.0, 120.0], len(self.is_active))
            after = np.where(value > LIMIT, True, np.where(value <= LIMIT - 5, False, self.is_active))
            self.transitions += int((after != self.is_active).sum())
            self.is_active = after
            self.at_us += STEP_US
            ts = np.full(len(value), self.at_us)
            result = ingest.ingest_batch(SampleBatch.from_columns(self.plant.point_ids, ts, value))
            assert result.inserted == len(value)


def _journalled(rig: Rig) -> int:
    return int(rig.ask("SELECT count(*) FROM alarms_journalentry")[0][0])


def _is_led(rig: Rig) -> bool:
    return bool(rig.ask("SELECT 1 FROM alarms_judgement WHERE owner <> '' AND expires_at > now()"))


def test_killed_in_a_burst_the_journal_is_complete_and_without_doubles(
    rig: Rig, watch: Watch, tell: Callable[[str], None]
) -> None:
    plant = make_plant(machines=10, points=50, name="burst")
    _make_rules(plant)
    watch.add("alarms", *MANAGE, "run_alarms")
    watch.wait(lambda: _is_led(rig), "somebody judges")
    burst = Burst(plant)
    kills = 0
    for _ in range(6):
        before = _journalled(rig)
        burst.send(8)
        # In the middle of it: some is journalled, the rest is on its way.
        watch.wait(lambda before=before: _journalled(rig) > before, "the judge is at it")  # type: ignore[misc]
        burst.send(4)
        watch.kill("alarms")
        kills += 1
        burst.send(4)
        # It takes its own lease again when it has ended.
        watch.wait(lambda: _journalled(rig) == burst.transitions, "every transition is journalled")
    rows = rig.ask(
        "SELECT alarm_id, kind, happened_at FROM alarms_journalentry ORDER BY alarm_id, happened_at"
    )
    assert len(set(rows)) == len(rows) == burst.transitions
    # Of each alarm, raised and cleared take turns and begin with raised.
    for number, (alarm_id, kind, _at) in enumerate(rows):
        is_first = number == 0 or rows[number - 1][0] != alarm_id
        assert kind == ("raised" if is_first or rows[number - 1][1] == "cleared" else "cleared")
    active = rig.ask("SELECT count(*) FROM alarms_alarm WHERE is_active")[0][0]
    assert active == burst.is_active.sum()
    tell(f"judge: killed {kills} times in bursts; {burst.transitions} transitions, none lost, none doubled")


def test_another_judge_takes_over(rig: Rig, watch: Watch, tell: Callable[[str], None]) -> None:
    plant = make_plant(machines=1, points=2, name="heir")
    _make_rules(plant)
    rig.start("first", "manage.py", "run_alarms")
    rig.wait(lambda: _is_led(rig), "somebody judges", within_s=30)
    rig.start("second", "manage.py", "run_alarms")
    time.sleep(3)
    before = _journalled(rig)
    rig.kill("first")
    killed = time.monotonic()
    burst = Burst(plant)
    burst.at_us = now_us() - 5 * S
    burst.send(10)
    rig.wait(lambda: _journalled(rig) == before + burst.transitions, "the other judges", within_s=WITHIN_S)
    took = time.monotonic() - killed
    rig.kill("second")
    assert took < WITHIN_S
    tell(f"judge killed → another had taken over and judged what came meanwhile: {took:.1f} s")
