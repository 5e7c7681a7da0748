"""What is remembered of watched nodes: changed maps, bad nodes, values confirmed by the right clock."""

from __future__ import annotations

from asyncua import ua

from connectors.contract import BindingSpec
from connectors.opcua.decode import Columns
from connectors.opcua.items import RETRY_FIRST_S, Items, count_overflows
from connectors.opcua.options import OpcUaOptions
from forgeline.telemetry.sample import SampleFlag

S = 1_000_000
OPTIONS = OpcUaOptions.parse({"endpoint": "opc.tcp://x:1"})


def make(*addresses: str, interval_s: float = 60.0) -> Items:
    items = Items(OPTIONS)
    items.change(
        [
            BindingSpec(address, number, expected_interval_s=interval_s)
            for number, address in enumerate(addresses)
        ]
    )
    return items


def values(*rows: tuple[int, float, int]) -> Columns:
    handles, numbers, stamps = zip(*rows, strict=True)
    return Columns(list(handles), list(numbers), list(stamps), [0] * len(rows))


def test_a_map_changes_by_its_difference_and_old_handles_stay_dead() -> None:
    items = make("i=1", "i=2")
    added, removed = items.change([BindingSpec("i=2", 2), BindingSpec("i=3", 3), BindingSpec("i=3", 4)])
    assert ([item.handle for item in added], [item.binding.address for item in removed]) == ([2], ["i=1"])
    kept = items.known(values((0, 1.0, S), (1, 2.0, S), (7, 3.0, S)))
    assert kept.values == [2.0]
    watched = [
        BindingSpec("i=2", 2, options={"deadband": 5, "deadband_type": "absolute"}),
        BindingSpec("i=3", 3),
    ]
    added, removed = items.change(watched)
    assert [item.binding.address for item in added] == [item.binding.address for item in removed] == ["i=2"]


def test_an_unchanged_value_is_confirmed_each_interval() -> None:
    items = make("i=1", "i=2", interval_s=10)
    items.note(values((0, 5.0, 100 * S)), 100 * S)
    assert items.confirm(109 * S) is None
    block = items.confirm(111 * S)
    assert block is not None
    assert (block.addresses, block.values, block.ts_us, block.flags) == (
        ["i=1"],
        [5.0],
        [111 * S],
        [SampleFlag.HELD],
    )
    assert items.confirm(112 * S) is None
    items.note(values((0, 6.0, 115 * S)), 115 * S)
    assert items.confirm(121 * S) is None


def test_a_value_older_than_its_interval_is_confirmed_at_once() -> None:
    items = make("i=1", interval_s=10)
    items.note(values((0, 5.0, 3 * S)), 1000 * S)
    block = items.confirm(1001 * S)
    assert block is not None
    assert block.ts_us == [1001 * S]


def test_a_server_whose_clock_is_off_confirms_by_its_own() -> None:
    for offset_s in (-180, 240):
        items = make("i=1", interval_s=10)
        items.clock_offset_us = offset_s * S
        items.note(values((0, 5.0, (1000 + offset_s) * S)), 1000 * S)
        assert items.confirm(1005 * S) is None
        block = items.confirm(1011 * S)
        assert block is not None
        assert block.ts_us == [(1011 + offset_s) * S]


def test_a_bad_node_is_tried_ever_less_often_and_is_news_once() -> None:
    items = make("i=1")
    item = items.by_address["i=1"]
    assert items.set_aside(item, ua.StatusCodes.BadNodeIdUnknown, 0.0)
    assert items.list_due(RETRY_FIRST_S - 1) == []
    assert items.list_due(RETRY_FIRST_S) == [item]
    assert not items.set_aside(item, ua.StatusCodes.BadNodeIdUnknown, 30.0)
    assert item.retry_at_s == 30.0 + 2 * RETRY_FIRST_S
    assert items.take_back(item)
    assert not items.take_back(item)


def test_overflows_are_counted() -> None:
    columns = Columns([0, 1, 2], [1, 2, 3], [None] * 3, [0x480, 0, 0x400], True)
    assert count_overflows(columns) == 1
