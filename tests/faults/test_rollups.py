"""Roll-ups and latest values under load: whole after the process that writes them was killed, and in time otherwise."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from forgeline.telemetry.buckets import HOUR_US, MINUTE_US
from forgeline.telemetry.engines.base import ROLLUP_TABLES, Resolution
from tests.bench.plant import BenchPlant, make_plant
from tests.faults.sequence import check_sequences, plan_load
from tests.faults.watch import Watch
from tests.rig import Rig
from tests.telemetry.rollup_tables import Rows, assert_equal, expected_rollup, stored_rollup

ZONE = "Asia/Shanghai"
RIGHT_WITHIN_S = 5.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def reference(point_id: int, resolution: Resolution, from_us: int, to_us: int) -> Rows:
    return expected_rollup(
        point_id, resolution, from_us, to_us, interval_s=1.0, is_counter=False, zone=ZONE
    )  # fmt: skip


class LatestWatch:
    """Looks at the latest values again and again: has one gone back?"""

    def __init__(self, rig: Rig, plant: BenchPlant) -> None:
        self._rig = rig
        self._ids = plant.point_ids.tolist()
        self._seen: dict[int, object] = {}
        self.looks = 0
        self.went_back: list[tuple[int, object, object]] = []

    def look(self) -> None:
        rows = self._rig.ask("SELECT point_id, ts FROM telemetry_latest WHERE point_id = ANY(%s)", self._ids)
        for point_id, ts in rows:
            before = self._seen.get(point_id)
            if before is not None and ts < before:
                self.went_back.append((point_id, before, ts))
            self._seen[point_id] = ts
        self.looks += 1

    def until(self, is_so: Callable[[], bool]) -> Callable[[], bool]:
        """Return the same question, with a look each time it is asked."""

        def ask() -> bool:
            self.look()
            return is_so()

        return ask


def test_after_a_crash_rollups_equal_the_reference_and_latest_never_goes_back(
    rig: Rig, watch: Watch, tell: Callable[[str], None]
) -> None:
    plant = make_plant(machines=2, points=10, name="crash")
    latest = LatestWatch(rig, plant)
    watch.add_connectors()
    watch.wait_for_devices([user for user, _word in plant.credentials])
    # Ten minutes before an hour's end, so that an hour is put together too; all of it is over.
    start_ms = (time.time_ns() // 1_000_000 // 3_600_000 - 3) * 3_600_000 + 50 * 60_000
    plan = plan_load(plant, values=5, start_ms=start_ms, step_ms=1_000, rate=200.0)
    fleet = rig.fleet(plan)
    for _ in range(2):
        before = rig.committed()
        watch.wait(latest.until(lambda before=before: rig.committed() > before + 5_000), "load")  # type: ignore[misc]
        watch.kill("connectors")
    before = rig.committed()
    watch.wait(latest.until(lambda: rig.committed() > before + 5_000), "load after the kills")
    fleet.terminate()
    watch.wait(latest.until(lambda: fleet.poll() is not None), "the devices have their acknowledgements")
    sent = [device["sent"] for device in json.loads(fleet.communicate()[0])["devices"]]
    watch.wait(
        latest.until(lambda: check_sequences(rig, plant, plan, sent).lost == 0), "everything is stored"
    )
    from_us = start_ms * 1000
    to_us = from_us + max(sent) // 2 * 1_000_000

    def faults() -> list[str]:
        """Compare every point's minutes and hours with the reference statement's."""
        wrong = []
        for point_id in plant.point_ids.tolist():
            for resolution in (Resolution.MINUTE, Resolution.HOUR):
                expected = reference(point_id, resolution, from_us, to_us + 3_000_000)
                try:
                    assert_equal(stored_rollup(point_id, resolution), expected, (point_id, resolution))
                except AssertionError as error:
                    wrong.append(str(error)[:300])
        return wrong

    ended = time.monotonic()
    watch.wait(latest.until(lambda: not faults()), "roll-ups equal the reference", within_s=90)
    watch.wait(
        latest.until(
            lambda: (
                not rig.ask(
                    "SELECT 1 FROM telemetry_latest l WHERE point_id = ANY(%s) AND (ts, value) <> (SELECT ts, value"
                    " FROM telemetry_sample s WHERE s.point_id = l.point_id ORDER BY ts DESC LIMIT 1)",
                    plant.point_ids.tolist(),
                )
            )
        ),
        "latest is the newest sample",
    )
    tell(
        f"two crashes: {len(plant.point_ids) * 2} tables of minutes and hours equal the reference "
        f"{time.monotonic() - ended:.1f} s after the last sample; {latest.looks} looks at latest, "
        f"{len(latest.went_back)} went back; {(to_us - from_us) / HOUR_US:.1f} h of values"
    )
    assert latest.went_back == []
    assert rig.ask(
        "SELECT count(*) FROM telemetry_latest WHERE point_id = ANY(%s)", plant.point_ids.tolist()
    )[0][0] == len(plant.point_ids)


def test_a_closed_minute_is_right_in_time_under_load(
    rig: Rig, watch: Watch, tell: Callable[[str], None]
) -> None:
    plant = make_plant(machines=4, points=50, name="minute")
    ids = plant.point_ids.tolist()
    watch.add_connectors()
    watch.wait_for_devices([user for user, _word in plant.credentials])
    fleet = rig.fleet(plan_load(plant, values=10, start_ms=None, rate=800.0))
    before = rig.committed()
    watch.wait(lambda: rig.committed() > before + 20_000, "load")
    end_us = (time.time_ns() // 1000 // MINUTE_US + 1) * MINUTE_US
    start_us = end_us - MINUTE_US

    def closed() -> bool:
        (row,) = rig.ask(
            f"SELECT count(*) FROM {ROLLUP_TABLES[Resolution.MINUTE]} WHERE point_id = ANY(%s)"
            " AND bucket = to_timestamp(%s)",
            ids, start_us / 1e6,
        )  # fmt: skip
        return bool(row[0] == len(ids))

    watch.wait(lambda: time.time_ns() // 1000 >= end_us, "the minute is over", within_s=70)
    watch.wait(closed, "the minute is there for every point")
    there_s = time.time() - end_us / 1e6
    time.sleep(max(0.0, RIGHT_WITHIN_S - there_s))
    stored = [[row for row in stored_rollup(each, Resolution.MINUTE) if row["bucket"].timestamp() * 1e6 == start_us]
              for each in ids]  # fmt: skip
    fleet.terminate()
    fleet.communicate(timeout=60)
    for point_id, rows in zip(ids, stored, strict=True):
        expected = [
            row
            for row in reference(point_id, Resolution.MINUTE, start_us, end_us)
            if row["bucket"].timestamp() * 1e6 == start_us
        ]
        assert_equal(rows, expected, point_id)
    samples = sum(rows[0]["count"] for rows in stored)
    tell(f"minute of {samples} samples of {len(ids)} points: there {there_s:.1f} s after its end, and right")
    assert there_s < RIGHT_WITHIN_S
