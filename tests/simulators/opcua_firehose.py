"""An OPC UA server whose every tag changes once a second, cheap enough to share two cores with the client it feeds.

It is asyncua's server with one part exchanged: notifications are rendered as one numpy block instead of one object a
tag (asyncua's own would need several cores for 30,000 changes/s). Sessions, subscriptions, acknowledgements and the
wire are asyncua's. The value of a tag is the number of its tick, so that a check of the store sees what is missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from typing import Any

import numpy as np
from asyncua import Server, ua
from asyncua.server import subscription_service as service
from asyncua.server.address_space import AttributeValue, NodeData
from asyncua.server.internal_subscription import InternalSubscription

EPOCH_1601_US = 11_644_473_600_000_000
DATA_CHANGE_NOTIFICATION = ua.NodeId(811, 0)

# MonitoredItemNotification (Part 4, 7.25) with a DataValue of Double and source timestamp (Part 6, 5.2.2.17).
_ITEM = np.dtype(
    [("handle", "<u4"), ("mask", "u1"), ("variant", "u1"), ("value", "<f8"), ("source", "<i8")], align=False
)
_HAS_VALUE_AND_SOURCE_TIMESTAMP = 0x01 | 0x04
_DOUBLE = 11


class Firehose:
    """The ticking tags and the notifications made of them."""

    def __init__(self) -> None:
        self.tick = 0
        self.listeners: list[list[tuple[int, int]]] = []

    def beat(self) -> None:
        """Let every tag change once."""
        self.tick += 1
        at_us = time.time_ns() // 1000
        for pending in self.listeners:
            pending.append((self.tick, at_us))

    def block(self, handles: np.ndarray[Any, np.dtype[np.uint32]], tick: int, at_us: int) -> bytes:
        """Render the notifications of one tick as an array of MonitoredItemNotification."""
        items = np.empty(len(handles), _ITEM)
        items["handle"] = handles
        items["mask"] = _HAS_VALUE_AND_SOURCE_TIMESTAMP
        items["variant"] = _DOUBLE
        items["value"] = tick
        items["source"] = (at_us + EPOCH_1601_US) * 10
        return len(handles).to_bytes(4, "little") + items.tobytes()


class FirehoseSubscription(InternalSubscription):
    """A subscription that answers each publish with the ticks since the last one."""

    source: Firehose

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._handles: list[int] = []
        self._column: np.ndarray[Any, np.dtype[np.uint32]] = np.empty(0, np.uint32)
        self._pending: list[tuple[int, int]] = []
        self.source.listeners.append(self._pending)
        self.monitored_item_srv.create_monitored_items = self._create  # type: ignore[method-assign]

    async def _create(self, params: ua.CreateMonitoredItemsParameters) -> list[ua.MonitoredItemCreateResult]:
        results = []
        for item in params.ItemsToCreate:
            result = ua.MonitoredItemCreateResult()
            if item.ItemToMonitor.NodeId.NamespaceIndex == 2:
                self._handles.append(item.RequestedParameters.ClientHandle)
                result.MonitoredItemId = len(self._handles)
                result.RevisedSamplingInterval = item.RequestedParameters.SamplingInterval
                result.RevisedQueueSize = item.RequestedParameters.QueueSize
            else:
                result.StatusCode = ua.StatusCode(ua.StatusCodes.BadNodeIdUnknown)
            results.append(result)
        self._column = np.asarray(self._handles, np.uint32)
        return results

    def has_published_results(self) -> bool:
        return bool(self._pending and len(self._column)) or super().has_published_results()

    def _pop_triggered_datachanges(self, result: ua.PublishResult) -> None:
        if not len(self._column):
            self._pending.clear()
            return
        for tick, at_us in self._pending:
            body = self.source.block(self._column, tick, at_us) + b"\xff\xff\xff\xff"
            result.NotificationMessage.NotificationData.append(
                ua.ExtensionObject(TypeId=DATA_CHANGE_NOTIFICATION, Body=body)
            )
        self._pending.clear()


def add_tags(server: Server, tags: int) -> None:
    """Put ``ns=2;i=1…`` into the address space without the services, which take a millisecond a node."""
    space = server.iserver.aspace
    for number in range(1, tags + 1):
        node = NodeData(ua.NodeId(number, 2))
        for attribute, value in (
            (ua.AttributeIds.NodeClass, ua.Variant(int(ua.NodeClass.Variable), ua.VariantType.Int32)),
            (ua.AttributeIds.BrowseName, ua.Variant(ua.QualifiedName(f"Tag{number}", 2))),
            (ua.AttributeIds.DisplayName, ua.Variant(ua.LocalizedText(f"Tag{number}"))),
            (ua.AttributeIds.DataType, ua.Variant(ua.NodeId(11, 0))),
            (ua.AttributeIds.ValueRank, ua.Variant(-1, ua.VariantType.Int32)),
            (ua.AttributeIds.AccessLevel, ua.Variant(1, ua.VariantType.Byte)),
            (ua.AttributeIds.UserAccessLevel, ua.Variant(1, ua.VariantType.Byte)),
            (ua.AttributeIds.Historizing, ua.Variant(False)),
            (ua.AttributeIds.Value, ua.Variant(0.0)),
        ):
            node.attributes[attribute] = AttributeValue(ua.DataValue(value))
        space._nodes[node.nodeid] = node


async def serve(port: int, tags: int) -> None:
    """Serve until SIGTERM; prints ``{"ready": …}`` once, and the last tick at the end."""
    source = Firehose()
    FirehoseSubscription.source = source
    service.InternalSubscription = FirehoseSubscription  # type: ignore[misc]
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/firehose")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await server.register_namespace("urn:forgeline:firehose")
    add_tags(server, tags)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop.set)
    async with server:
        print(json.dumps({"ready": True, "tags": tags}), flush=True)
        beat = loop.time()
        while not stop.is_set():
            beat += 1.0
            source.beat()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(0.0, beat - loop.time()))
    print(json.dumps({"last_tick": source.tick}), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
