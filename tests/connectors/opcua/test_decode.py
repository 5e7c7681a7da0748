"""The fast decoder held to asyncua's: whatever asyncua encodes, both read alike."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from hypothesis import given, settings, strategies as st

from connectors.opcua.decode import decode_history, decode_publish, decode_read, quality_of
from connectors.opcua.nodes import AddressError, parse_address, write_address

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)
AT_US = 1_772_366_400_123_456

scalars = st.one_of(
    st.tuples(st.just(ua.VariantType.Double), st.floats(allow_nan=False)),
    st.tuples(st.just(ua.VariantType.Float), st.floats(allow_nan=False, width=32)),
    st.tuples(st.just(ua.VariantType.Boolean), st.booleans()),
    st.tuples(st.just(ua.VariantType.Int16), st.integers(-(2**15), 2**15 - 1)),
    st.tuples(st.just(ua.VariantType.UInt32), st.integers(0, 2**32 - 1)),
    st.tuples(st.just(ua.VariantType.Int64), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just(ua.VariantType.String), st.text(max_size=20)),
)


@st.composite
def data_values(draw: st.DrawFn) -> ua.DataValue:
    kind, value = draw(scalars)
    return ua.DataValue(
        ua.Variant(value, kind),
        StatusCode=ua.StatusCode(draw(st.sampled_from([0, 0x40920000, 0x80340000, 0x00000480]))),
        SourceTimestamp=draw(st.sampled_from([None, AT, AT + timedelta(seconds=1)])),
        ServerTimestamp=draw(st.sampled_from([None, AT])),
    )


def publish(values: list[ua.DataValue]) -> bytes:
    response = ua.PublishResponse()
    response.Parameters.SubscriptionId = 7
    response.Parameters.AvailableSequenceNumbers = [3, 4]
    response.Parameters.NotificationMessage.SequenceNumber = 4
    change = ua.DataChangeNotification()
    change.MonitoredItems = [ua.MonitoredItemNotification(number, each) for number, each in enumerate(values)]
    response.Parameters.NotificationMessage.NotificationData = [change]
    return struct_to_binary(response)


def expected(values: list[ua.DataValue]) -> list[tuple[Any, int | None, int]]:
    rows = []
    for each in values:
        stamp = each.SourceTimestamp or each.ServerTimestamp
        at = None if stamp is None else AT_US + int((stamp - AT).total_seconds() * 1e6)
        rows.append((each.Value.Value, at, each.StatusCode.value))
    return rows


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(data_values(), st.sampled_from([1, 1, 1, 70, 200])), max_size=8))
def test_runs_and_mixtures_are_read_as_asyncua_wrote_them(parts: list[tuple[ua.DataValue, int]]) -> None:
    values = list(itertools.chain.from_iterable([each] * times for each, times in parts))
    answer = decode_publish(publish(values))
    columns = answer.columns
    assert (answer.subscription_id, answer.sequence) == (7, 4)
    assert columns.handles == list(range(len(values)))
    assert list(zip(columns.values, columns.ts_us, columns.status, strict=True)) == expected(values)
    assert columns.has_status == any(each.StatusCode.value for each in values)


def test_what_is_no_scalar_becomes_text_or_its_plain_part() -> None:
    values = [
        ua.DataValue(ua.Variant(ua.LocalizedText("läuft"))),
        ua.DataValue(ua.Variant([4.5], ua.VariantType.Double)),
        ua.DataValue(ua.Variant([1.0, 2.0], ua.VariantType.Double)),
        ua.DataValue(ua.Variant(b"\x01\xff", ua.VariantType.ByteString)),
        ua.DataValue(ua.Variant(None)),
        ua.DataValue(ua.Variant(5, ua.VariantType.UInt16)),
    ]
    assert decode_publish(publish(values)).columns.values == ["läuft", 4.5, "[1.0, 2.0]", "01ff", None, 5]


def test_a_keep_alive_and_an_ended_subscription_are_told_apart() -> None:
    response = ua.PublishResponse()
    response.Parameters.SubscriptionId = 7
    assert decode_publish(struct_to_binary(response)).is_keep_alive
    ended = ua.StatusChangeNotification(Status=ua.StatusCode(ua.StatusCodes.BadTimeout))
    response.Parameters.NotificationMessage.NotificationData = [ended]
    assert decode_publish(struct_to_binary(response)).status_change == ua.StatusCodes.BadTimeout


def test_a_refusal_is_raised() -> None:
    response = ua.PublishResponse()
    response.ResponseHeader.ServiceResult = ua.StatusCode(ua.StatusCodes.BadNoSubscription)
    with pytest.raises(ua.UaStatusCodeError):
        decode_publish(struct_to_binary(response))
    with pytest.raises(ua.UaError):
        decode_read(publish([]))


def test_reads_and_history_are_columns_too() -> None:
    read = ua.ReadResponse()
    read.Results = [
        ua.DataValue(ua.Variant(1.5), SourceTimestamp=AT),
        ua.DataValue(StatusCode=ua.StatusCode(0x80340000)),
    ]
    columns = decode_read(struct_to_binary(read))
    assert columns.values == [1.5, None]
    assert columns.quality == [0, 2]

    history = ua.HistoryReadResponse()
    data = ua.HistoryData(DataValues=[ua.DataValue(ua.Variant(2.5), SourceTimestamp=AT)])
    history.Results = [
        ua.HistoryReadResult(ContinuationPoint=b"next", HistoryData=data),
        ua.HistoryReadResult(StatusCode=ua.StatusCode(ua.StatusCodes.BadHistoryOperationUnsupported)),
    ]
    first, second = decode_history(struct_to_binary(history))
    assert (first.columns.values, first.columns.ts_us, first.continuation) == ([2.5], [AT_US], b"next")
    assert second.status == ua.StatusCodes.BadHistoryOperationUnsupported
    assert second.continuation is None


def test_quality_is_the_severity_of_the_status() -> None:
    assert [quality_of(code) for code in (0, 0x00A70000, 0x40000000, 0x80000000, 0xC0000000)] == [
        0,
        0,
        1,
        2,
        2,
    ]


NAMESPACES = ["http://opcfoundation.org/UA/", "urn:a;b%", "urn:same", "urn:same", ""]


@pytest.mark.parametrize(
    ("node", "address"),
    [
        (ua.NodeId(85, 0), "i=85"),
        (ua.NodeId("Line;1=x", 1), "nsu=urn:a%3Bb%25;s=Line;1=x"),
        (ua.NodeId(70000, 2), "ns=2;i=70000"),
        (ua.NodeId(5, 4), "ns=4;i=5"),
        (ua.NodeId(b"\x01\x02", 1), "nsu=urn:a%3Bb%25;b=AQI="),
    ],
)
def test_addresses_go_there_and_back(node: ua.NodeId, address: str) -> None:
    assert write_address(node, NAMESPACES) == address
    assert parse_address(address, NAMESPACES) == node


@pytest.mark.parametrize(
    "address", ["", "x", "ns=;i=1", "ns=a;i=1", "nsu=urn:none;i=1", "i=abc", "g=1", "ns=70000;i=1"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(AddressError):
        parse_address(address, NAMESPACES)
