"""A plant with a press, and a judge that runs when a test says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from forgeline.alarms.judge import Judge, Round
from forgeline.base import clock
from forgeline.telemetry import ingest
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.scoping import tenant_scope
from tests.telemetry.conftest import Plant, make_plant, quiet_ingest, wait_for_followers

__all__ = ["quiet_ingest"]

S = 1_000_000
MINUTE = 60 * S


@dataclass(slots=True)
class Court:
    """A plant, its rules, and the clock by which it is judged."""

    plant: Plant
    now_us: int
    judge: Judge
    points: dict[str, int] = field(default_factory=dict)

    def add_point(self, key: str, **fields: Any) -> int:
        self.points[key] = self.plant.add_point(key, **{"expected_interval_s": 10, **fields})
        return self.points[key]

    def add_rule(self, key: str, condition: dict[str, Any], **said: Any) -> int:
        """Make a rule on the machine, past the services."""
        from forgeline.alarms.models import Judgement, Rule

        with tenant_scope(self.plant.tenant_id):
            rule = Rule.objects.create(
                asset=self.plant.machine, key=key,
                definition={"name": {"en": key}, "condition": condition, **said},
            )  # fmt: skip
            Judgement.objects.get_or_create()
            row = Judgement.objects.get()
            row.revision += 1
            row.save()
        return int(rule.pk)

    def say(self, key: str, *samples: tuple[float, float]) -> None:
        """Store samples: (seconds from now, value)."""
        ts = [self.now_us + round(at * S) for at, _ in samples]
        batch = SampleBatch.from_columns([self.points[key]] * len(ts), ts, [value for _, value in samples])
        result = ingest.ingest_batch(batch, now_us=self.now_us)
        assert result.accepted == len(samples), result.rejected

    def run(self, *, after_s: float = 0.0, judge: Judge | None = None) -> Round:
        """Let time pass and run a round."""
        self.now_us += round(after_s * S)
        wait_for_followers()
        return (judge or self.judge).run_round(self.now_us)

    def journal(self) -> list[tuple[str, str, float, bool]]:
        """Return (rule, what, seconds from now, quiet) by time."""
        from forgeline.alarms.models import JournalEntry

        with tenant_scope(self.plant.tenant_id):
            rows = JournalEntry.objects.select_related("alarm").order_by("happened_at", "pk")
            return [
                (row.alarm.key, row.kind, (clock.to_us(row.happened_at) - self.now_us) / S, row.is_quiet)
                for row in rows
            ]

    def alarm(self, key: str) -> Any:
        from forgeline.alarms.models import Alarm

        with tenant_scope(self.plant.tenant_id):
            return Alarm.objects.filter(key=key).first()


@pytest.fixture
def court(quiet_ingest: None) -> Court:
    """Alice's plant in Berlin, judged by hand."""
    plant = make_plant("Alice")
    return Court(plant, clock.now_us() - 60 * MINUTE, Judge(plant.tenant_id, "first"))
