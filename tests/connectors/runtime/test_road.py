"""Readings become durable rows: routes, scale, refusals, receipts, back-pressure, the spool and its replay."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import BindingSpec, ReadingBlock, Undecodable
from connectors.runtime.accounts import Accounts
from connectors.runtime.counters import Counters
from connectors.runtime.intake import Intake
from connectors.runtime.pipeline import Pipeline
from connectors.runtime.spool import Spool, claim_spools
from connectors.runtime.writer import STORE_FAULT, Writer
from forgeline.telemetry.sample import PointKind, SampleFlag
from tests.connectors.floor import wait_for
from tests.connectors.runtime.recording import RecordingSink


class Road:
    """One connection's way, from its intake to the sink."""

    def __init__(self, folder: Path, *, limit_bytes: int = 10_000_000, rows: int = 1_000) -> None:
        self.sink = RecordingSink()
        self.pipeline = Pipeline(rows=rows, age_s=0.01, waiting=2)
        self.counters = Counters(connection_id=7)
        self.settled: list[Any] = []
        self.intake = Intake(self.pipeline, self.counters, settle=self.settled.extend)
        self.spool = Spool(folder, limit_bytes=limit_bytes)
        self.writer = Writer(self.pipeline, self.sink, [self.spool], Accounts(self.pipeline.routes))

    def bind(self, **points: int) -> None:
        self.intake.set_bindings(BindingSpec(key, point) for key, point in points.items())


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    made = Road(tmp_path / "spool")
    made.writer.start()
    yield made
    made.sink.is_away = False
    made.writer.stop(timeout_s=5)


def block(values: dict[str, Any], *, ts_us: int | None = 1_000, receipt: Any = None) -> ReadingBlock:
    return ReadingBlock(
        tuple(values), list(values.values()), [ts_us] * len(values), received_us=5_000, receipt=receipt
    )


def test_scale_and_offset_are_applied_once(road: Road) -> None:
    road.intake.set_bindings([BindingSpec("a", 1, scale=0.1, offset=-5.0), BindingSpec("b", 2)])
    road.intake.offer(block({"a": 100, "b": 2.5}, receipt="r"))
    wait_for(lambda: road.settled == ["r"], "the receipt")
    assert road.sink.rows == [(1, 1_000, 5.0, 0), (2, 1_000, 2.5, 0)]
    wait_for(lambda: road.counters.stored == 2, "the count")
    assert (road.counters.received, road.counters.decoded) == (1, 2)


def test_a_reading_without_time_bears_its_arrival_and_says_so(road: Road) -> None:
    road.bind(a=1)
    road.intake.offer(block({"a": 1}, ts_us=None))
    wait_for(lambda: road.sink.rows, "the row")
    assert road.sink.rows == [(1, 5_000, 1.0, SampleFlag.ARRIVAL_TIME)]


def test_words_texts_and_what_fits_nothing(road: Road) -> None:
    road.intake.set_bindings(
        [
            BindingSpec("on", 1, kind=PointKind.BOOLEAN),
            BindingSpec("state", 2, kind=PointKind.STATE, options={"codes": {"running": 3.0}}),
            BindingSpec("text", 3, kind=PointKind.TEXT),
            BindingSpec("number", 4),
        ]
    )
    good = {"on": "ON", "state": "Running", "text": "P-17", "number": "220.5"}
    road.intake.offer(block(good))
    road.intake.offer(block({"number": "nan", "on": {"a": 1}, "text": [1], "state": None}, ts_us=2_000))
    road.intake.offer(
        block({"number": 10**400, "on": True, "text": "x" * 5_000}, ts_us=3_000, receipt="last")
    )
    wait_for(lambda: road.settled == ["last"], "the receipts")
    values = {(point, ts): value for point, ts, value, _flags in road.sink.rows}
    assert values[(1, 1_000)] == 1.0
    assert values[(2, 1_000)] == 3.0
    assert values[(4, 1_000)] == 220.5
    assert values[(1, 3_000)] == 1.0
    assert road.sink.texts == ["P-17"]
    assert road.counters.rejected == {
        "connectors.wrong_type": 3, "connectors.no_value": 1, "connectors.number_too_large": 1,
        "connectors.text_too_long": 1,
    }  # fmt: skip


def test_what_cannot_be_decoded_is_counted_kept_and_settled(road: Road) -> None:
    for number in range(150):
        road.intake.refuse(Undecodable(number, "topic", b"{", "mqtt.not_json", "broken"), receipt=number)
    wait_for(lambda: len(road.settled) == 150, "the receipts")
    assert road.settled == list(range(150))
    assert road.counters.rejected == {"mqtt.not_json": 150}
    assert [kept.received_us for kept in road.counters.undecodables] == list(range(50, 150))


def test_an_unknown_address_waits_for_its_look_up_and_keeps_its_place(road: Road) -> None:
    road.bind(a=1)
    road.intake.offer(block({"new": 1.0, "a": 1.0}, ts_us=1, receipt="first"))
    road.intake.offer(block({"new": 2.0}, ts_us=2, receipt="second"))
    assert set(road.intake.unknown.take_questions()) == {"new"}
    road.intake.offer(block({"new": 3.0, "never": 0.0}, ts_us=3))
    road.intake.resolve_parked([BindingSpec("new", 9)])
    wait_for(lambda: len(road.settled) == 2, "the receipts")
    wait_for(lambda: len(road.sink.rows) == 4, "the rows")
    assert [value for point, _ts, value, _f in road.sink.rows if point == 9] == [1.0, 2.0, 3.0]
    # "never" was not asked for yet; once it was, it is refused without being parked again.
    road.intake.unknown.take_questions()
    road.intake.resolve_parked([])
    road.intake.offer(block({"never": 1.0}))
    assert road.counters.rejected == {"connectors.unknown_address": 2}
    assert [seen.address for seen in road.intake.unknown.take_sightings()] == ["never"]


def test_large_values_at_unknown_addresses_take_little_room(road: Road) -> None:
    road.intake.offer(block({"text": "x" * 1_000_000}))
    road.intake.offer(block({"list": list(range(100_000))}))
    questions = road.intake.unknown.take_questions()
    assert set(questions) == {"text", "list"}
    assert all(len(value) < 5_000 for value in questions.values())
    road.intake.resolve_parked([BindingSpec("text", 1, kind=PointKind.TEXT)])
    assert road.counters.rejected == {"connectors.text_too_long": 1, "connectors.unknown_address": 1}
    (seen,) = road.intake.unknown.take_sightings()
    assert (seen.address, seen.sample) == ("list", [])


def test_long_texts_cut_a_batch_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.runtime.pipeline.BATCH_LETTERS", 10_000)
    road = Road(tmp_path / "spool", rows=1_000)
    road.intake.set_bindings([BindingSpec("note", 1, kind=PointKind.TEXT)])
    taken = 0
    while road.intake.offer(block({"note": "x" * 1_000}, ts_us=taken)):
        taken += 1
    # The batch that fills and two that wait, of ten texts each; nobody writes.
    assert taken == 30
    road.spool.close()


def test_while_the_store_is_away_the_disk_takes_over_and_order_is_kept(road: Road) -> None:
    road.bind(a=1)
    road.sink.is_away = True
    for number in range(50):
        road.intake.offer(block({"a": float(number)}, ts_us=number, receipt=number))
    wait_for(lambda: len(road.settled) == 50, "receipts although the store is away")
    assert road.sink.rows == []
    assert road.writer.facts.is_away
    assert road.counters.spooled == 50
    road.sink.is_away = False
    road.intake.offer(block({"a": 50.0}, ts_us=50, receipt=50))
    wait_for(lambda: len(road.sink.rows) == 51, "the replay")
    assert [value for _p, _ts, value, _f in road.sink.rows] == [float(n) for n in range(51)]
    assert {flags for *_row, flags in road.sink.rows[:50]} == {SampleFlag.REPLAYED}
    wait_for(lambda: not road.writer.facts.is_away and road.spool.is_empty, "an empty spool")
    assert road.counters.replayed >= 50
    assert road.counters.stored == 51


def test_a_full_spool_stops_the_acknowledgements_and_then_the_source(tmp_path: Path) -> None:
    road = Road(tmp_path / "spool", limit_bytes=2_000, rows=10)
    road.bind(a=1)
    road.sink.is_away = True
    road.writer.start()
    sent = 0
    while not road.writer.facts.is_full or road.pipeline.refused_offers == 0:
        sent += road.intake.offer(block({"a": float(sent)}, ts_us=sent, receipt=sent))
    assert len(road.settled) < sent
    assert road.writer.facts.spool_bytes <= 2_000
    road.sink.is_away = False
    wait_for(lambda: len(road.settled) >= sent, "everything, once the store is back", 20)
    values = [value for _p, _ts, value, _f in road.sink.rows]
    assert values == sorted(values)
    assert len(set(values)) == len(values) == sent
    road.writer.stop(timeout_s=5)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 kB, where one may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount the small disk that this test fills")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_fills_holds_the_sources_and_ends_nothing(small_disk: Path) -> None:
    road = Road(small_disk / "spool", rows=200)
    road.bind(a=1)
    road.sink.is_away = True
    road.writer.start()
    sent = 0
    while not road.writer.facts.is_full or road.pipeline.refused_offers == 0:
        sent += road.intake.offer(block({"a": float(sent)}, ts_us=sent, receipt=sent))
    # Not a byte is left, so that the note of how far the replay has come cannot be written either.
    with contextlib.suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 512)
    assert len(road.settled) < sent
    road.sink.is_away = False
    wait_for(lambda: len(road.settled) >= sent, "everything, once the store is back", 20)
    values = [value for _p, _ts, value, _f in road.sink.rows]
    assert values == sorted(values)
    assert len(set(values)) == sent
    assert road.writer.stop(timeout_s=5)


def test_a_row_that_the_store_cannot_stomach_does_not_hold_up_its_neighbours(road: Road) -> None:
    road.bind(a=1)
    road.sink.poison = 13.0
    for number in range(40):
        road.intake.offer(block({"a": float(number)}, ts_us=number, receipt=number))
    wait_for(lambda: len(road.settled) == 40, "the receipts")
    assert sorted(value for _p, _ts, value, _f in road.sink.rows) == [float(n) for n in range(40) if n != 13]
    assert road.counters.rejected == {STORE_FAULT: 1}


def test_a_dead_process_leaves_its_spool_to_the_next(tmp_path: Path) -> None:
    dead = Road(tmp_path / "001")
    dead.bind(a=1)
    dead.sink.is_away = True
    dead.writer.start()
    dead.intake.offer(block({"a": 1.0}, receipt="r"))
    wait_for(lambda: dead.settled, "the receipt")
    dead.writer.stop(timeout_s=5)
    # A record that was cut off by the crash was never acknowledged, and hides nothing before it.
    segment = next((tmp_path / "001").glob("*.spool"))
    with segment.open("ab") as file:
        file.write(b"\x00\x00\x10\x00torn")
    (spool,) = claim_spools(tmp_path, limit_bytes=1_000_000)
    record = spool.peek(rows=100)
    assert record is not None
    assert record.samples.value.tolist() == [1.0]
    assert record.connection_id.tolist() == [7]
    spool.drop()
    assert spool.peek() is None
    assert spool.is_empty
    assert spool.damaged_bytes == 8


def test_two_processes_do_not_share_a_spool(tmp_path: Path) -> None:
    first = next(claim_spools(tmp_path, limit_bytes=1_000))
    second = next(claim_spools(tmp_path, limit_bytes=1_000))
    assert first.folder != second.folder
