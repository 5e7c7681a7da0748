"""Numbered load, and whether the store holds each number once. Not here: who sends it (simulators), what is broken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.bench.plant import BenchPlant
from tests.rig import Rig


@dataclass
class Finding:
    """What a check of the store came to."""

    expected: int = 0
    lost: int = 0
    doubled: int = 0
    missing: dict[int, list[int]] = field(default_factory=dict)
    """Device number → messages of which a sample is missing, in their order."""

    @property
    def missing_messages(self) -> int:
        return sum(map(len, self.missing.values()))


def plan_load(
    plant: BenchPlant, *, values: int, start_ms: int | None, step_ms: int = 10, **more: Any
) -> dict[str, Any]:
    """Return a plan for simulators.mqtt_fleet: point ``p`` of round ``r`` has the value ``r + 0.5``."""
    return {
        "timeout_s": 240, "window": 200, "values": values, "messages": 10_000_000,
        "start_ms": start_ms, "step_ms": step_ms, "devices": plant.fleet_devices(), **more,
    }  # fmt: skip


def check_sequences(rig: Rig, plant: BenchPlant, plan: dict[str, Any], sent: list[int]) -> Finding:
    """Compare the store with what each device has sent and was told to be delivered.

    A number counts as doubled where it is stored at more than one time.
    """
    finding = Finding()
    keys, values = len(plant.keys), plan["values"]
    groups = -(-keys // values)
    ids = plant.point_ids.tolist()
    stored: dict[int, list[tuple[float, int]]] = {point_id: [] for point_id in ids}
    rows = rig.ask(
        "SELECT point_id, value, (extract(epoch FROM ts) * 1000)::bigint FROM telemetry_sample"
        " WHERE point_id = ANY(%s)",
        ids,
    )
    for point_id, value, ts_ms in rows:
        stored[point_id].append((value, ts_ms))
    for device, count in enumerate(sent):
        gaps: set[int] = set()
        for key in range(keys):
            group = key // values
            rounds = max(0, -(-(count - group) // groups))
            wanted = {(r + 0.5, plan["start_ms"] + r * plan["step_ms"]) for r in range(rounds)}
            found = stored[ids[device * keys + key]]
            here = set(found)
            finding.expected += rounds
            finding.lost += len(wanted - here)
            finding.doubled += len(found) - len(here) + len(here - wanted)
            gaps.update(round(value - 0.5) * groups + group for value, _ts in wanted - here)
        if gaps:
            finding.missing[device] = sorted(gaps)
    return finding
