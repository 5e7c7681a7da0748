"""Watching nodes by subscription: monitored items in chunks, publish requests, what a notification becomes.

Not here: the bytes (decode), the nodes (items), the session. asyncua's own publish loop keeps one request under way
and makes objects of every value; this one keeps several and hands over one block for each response.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from asyncua import ua

from connectors.contract import Outlet, mark
from connectors.opcua.decode import Columns, Publish, decode_publish, decode_republish
from connectors.opcua.faults import fault, status_name
from connectors.opcua.items import Item, Items, count_overflows, report_bad, report_good
from connectors.opcua.options import OpcUaOptions
from connectors.opcua.session import Session

_REQUESTS_UNDER_WAY = 4
_VALUES_PER_MESSAGE = 20_000
"""Bounds the size of one response (about 0.5 MB) and thereby how long decoding holds the event loop."""
_LIFETIME_S = 120
_FULL = frozenset({ua.StatusCodes.BadTooManyMonitoredItems, ua.StatusCodes.BadOutOfMemory})
_DEADBAND_REFUSED = frozenset(
    {
        ua.StatusCodes.BadFilterNotAllowed,
        ua.StatusCodes.BadMonitoredItemFilterUnsupported,
        ua.StatusCodes.BadMonitoredItemFilterInvalid,
        ua.StatusCodes.BadDeadbandFilterInvalid,
    }
)


@dataclass(slots=True)
class ServerSubscription:
    """One subscription as the server holds it."""

    subscription_id: int
    keep_alive_s: float
    next_sequence: int = 0
    is_full: bool = False


class Subscriber:
    """Keeps the wanted nodes monitored, and delivers what changes."""

    def __init__(self, session: Session, options: OpcUaOptions, items: Items, outlet: Outlet) -> None:
        self.session = session
        self.options = options
        self.items = items
        self.outlet = outlet
        self.alive_until_s = 0.0
        """Monotonic time up to which the server's last sign of life vouches for unchanged values."""
        self._subscriptions: dict[int, ServerSubscription] = {}
        self._acknowledge: list[ua.SubscriptionAcknowledgement] = []
        self._has_subscription = asyncio.Event()

    # --- monitored items ---

    async def add(self, wanted: Sequence[Item]) -> None:
        """Monitor these nodes; the bad ones are set aside and told, the others live."""
        usable, bad = self.items.resolve(wanted, self.session.namespaces, time.monotonic())
        good: list[Item] = []
        chunk = self.session.limits.items_per_call
        for start in range(0, len(usable), chunk):
            for item, status in await self._monitor(usable[start : start + chunk]):
                if status:
                    if self.items.set_aside(item, status, time.monotonic()):
                        bad.append(item)
                elif self.items.take_back(item):
                    good.append(item)
        report_bad(self.outlet, bad)
        report_good(self.outlet, good)

    async def _monitor(self, items: list[Item]) -> list[tuple[Item, int]]:
        """Create monitored items; return each with 0 or the StatusCode that it failed with."""
        target = next((each for each in self._subscriptions.values() if not each.is_full), None)
        is_new = target is None
        if target is None:
            target = await self._create()
        results = await self._create_items(target, items)
        overflow = [item for item, status in results if status in _FULL]
        if not overflow:
            return results
        target.is_full = True
        if is_new and len(overflow) == len(items):
            return results  # even an empty subscription has no room: the server is full
        done = [(item, status) for item, status in results if status not in _FULL]
        return done + await self._monitor(overflow)

    async def _create_items(self, target: ServerSubscription, items: list[Item]) -> list[tuple[Item, int]]:
        params = ua.CreateMonitoredItemsParameters()
        params.SubscriptionId = target.subscription_id
        params.TimestampsToReturn = ua.TimestampsToReturn.Both
        params.ItemsToCreate = [_monitor_request(item) for item in items]
        # The first notification may overtake the answer, so the items are known before they are made.
        for item in items:
            item.subscription_id = target.subscription_id
        answers = await self.session.client.uaclient.create_monitored_items(params)
        results: list[tuple[Item, int]] = []
        plain: list[Item] = []
        for item, answer in zip(items, answers, strict=True):
            status = answer.StatusCode.value
            if answer.StatusCode.is_good():
                item.server_id = answer.MonitoredItemId
                results.append((item, 0))
            elif _has_deadband(item) and status in _DEADBAND_REFUSED:
                plain.append(item)
            else:
                results.append((item, status))
        if plain:
            results += await self._without_deadband(target, plain)
        return results

    async def _without_deadband(
        self, target: ServerSubscription, items: list[Item]
    ) -> list[tuple[Item, int]]:
        """Watch nodes whose server or type knows no such deadband (text, switches) without it."""
        for item in items:
            item.watch = type(item.watch)(item.watch.sampling_interval_ms, item.watch.queue_size, "none", 0.0)
        self.outlet.report(
            "deadband_refused", count=len(items), addresses=[item.binding.address for item in items[:10]]
        )
        return await self._create_items(target, items)

    async def remove(self, items: Sequence[Item]) -> None:
        """Stop monitoring these nodes."""
        chunk = self.session.limits.items_per_call
        for subscription_id in list(self._subscriptions):
            ids = [
                item.server_id
                for item in items
                if item.subscription_id == subscription_id and item.server_id is not None
            ]
            for start in range(0, len(ids), chunk):
                params = ua.DeleteMonitoredItemsParameters()
                params.SubscriptionId = subscription_id
                params.MonitoredItemIds = ids[start : start + chunk]
                await self.session.client.uaclient.delete_monitored_items(params)
        for item in items:
            item.server_id = None

    async def _create(self) -> ServerSubscription:
        interval_ms = self.options.publishing_interval_ms
        request = ua.CreateSubscriptionRequest()
        parameters = request.Parameters
        parameters.RequestedPublishingInterval = interval_ms
        parameters.RequestedMaxKeepAliveCount = max(1, round(self.options.keep_alive_s * 1000 / interval_ms))
        parameters.RequestedLifetimeCount = max(
            round(_LIFETIME_S * 1000 / interval_ms), 4 * parameters.RequestedMaxKeepAliveCount
        )
        parameters.MaxNotificationsPerPublish = _VALUES_PER_MESSAGE
        parameters.PublishingEnabled = True
        data = await self.session.request(request)
        answer = ua.ua_binary.struct_from_binary(ua.CreateSubscriptionResponse, ua.utils.Buffer(data))
        answer.ResponseHeader.ServiceResult.check()
        made = answer.Parameters
        subscription = ServerSubscription(
            made.SubscriptionId, made.RevisedPublishingInterval * made.RevisedMaxKeepAliveCount / 1000
        )
        self._subscriptions[made.SubscriptionId] = subscription
        self._has_subscription.set()
        return subscription

    # --- publishing ---

    async def publish(self) -> None:
        """Keep publish requests under way and deliver what comes, until cancelled. **Raises** ConnectorError."""
        await self._has_subscription.wait()
        under_way: deque[asyncio.Task[bytes]] = deque()
        try:
            while True:
                while len(under_way) < _REQUESTS_UNDER_WAY:
                    under_way.append(asyncio.create_task(self.session.request(self._request(), timeout_s=0)))
                data = await self._await_response(under_way)
                if data is not None:
                    await self._take(decode_publish(data))
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    def _request(self) -> ua.PublishRequest:
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements = self._acknowledge
        self._acknowledge = []
        return request

    async def _await_response(self, under_way: deque[asyncio.Task[bytes]]) -> bytes | None:
        """Return the next response; None where the server only gave a request back."""
        patience_s = 3 * max((each.keep_alive_s for each in self._subscriptions.values()), default=60.0)
        patience_s += self.options.timeout_s
        try:
            async with asyncio.timeout(patience_s):
                data = await under_way[0]
        except TimeoutError:
            raise fault(
                mark("The server's subscription is silent for %(seconds)d s; connecting anew."),
                key="opcua.silent",
                seconds=round(patience_s),
            ) from None
        except ua.UaStatusCodeError as error:
            under_way.popleft()
            if error.code in (ua.StatusCodes.BadTimeout, ua.StatusCodes.BadTooManyPublishRequests):
                await asyncio.sleep(0.05)
                return None
            raise
        under_way.popleft()
        return data

    async def _take(self, answer: Publish) -> None:
        received_us = time.time_ns() // 1000
        subscription = self._subscriptions.get(answer.subscription_id)
        if subscription is None:
            return
        self.alive_until_s = time.monotonic() + 2 * subscription.keep_alive_s + self.options.timeout_s
        if answer.published_us is not None:
            self.items.clock_offset_us = answer.published_us - received_us
        if answer.status_change is not None and answer.status_change >> 30:
            raise fault(
                mark("The server ended the subscription (%(status)s); connecting anew."),
                key="opcua.subscription_ended",
                status=status_name(answer.status_change),
            )
        if answer.is_keep_alive:
            return
        await self._fetch_missing(subscription, answer.sequence)
        subscription.next_sequence = next_sequence(answer.sequence)
        await self.deliver(answer.columns, received_us)
        # Acknowledged only now: until the pipeline has the values, the server can still repeat them.
        self._acknowledge.append(ua.SubscriptionAcknowledgement(answer.subscription_id, answer.sequence))

    async def _fetch_missing(self, subscription: ServerSubscription, sequence: int) -> None:
        """Ask for the notifications between the last and this one, which the server keeps until acknowledged."""
        wanted = subscription.next_sequence
        if not wanted:
            return
        while wanted != sequence and (sequence - wanted) % 0xFFFFFFFF < 1000:
            request = ua.RepublishRequest()
            request.Parameters.SubscriptionId = subscription.subscription_id
            request.Parameters.RetransmitSequenceNumber = wanted
            try:
                columns = decode_republish(await self.session.request(request))
            except ua.UaStatusCodeError:
                self.outlet.report("notification_lost", sequence=wanted)
            else:
                await self.deliver(columns, time.time_ns() // 1000)
            wanted = next_sequence(wanted)

    async def deliver(self, columns: Columns, received_us: int) -> None:
        """Hand one response's values over as one block."""
        columns = self.items.known(columns)
        if not len(columns):
            return
        self.items.note(columns, received_us)
        overflows = count_overflows(columns)
        if overflows:
            self.outlet.report("queue_overflow", count=overflows)
        gone = self.items.gone(columns)
        await self.outlet.put(self.items.block(columns, received_us))
        if gone:
            report_bad(self.outlet, [each for each in gone if self._drop(each)])

    def _drop(self, item: Item) -> bool:
        return self.items.set_aside(item, ua.StatusCodes.BadNodeIdUnknown, time.monotonic())

    async def retry_bad(self) -> None:
        """Try the bad nodes whose time has come."""
        due = self.items.list_due(time.monotonic())
        if due:
            await self.remove([item for item in due if item.server_id is not None])
            await self.add(due)

    @property
    def is_alive(self) -> bool:
        return time.monotonic() < self.alive_until_s


def next_sequence(sequence: int) -> int:
    """Return the sequence number after this one; they wrap to 1, not to 0 (Part 4, 7.10)."""
    return 1 if sequence >= 0xFFFF_FFFF else sequence + 1


def _monitor_request(item: Item) -> ua.MonitoredItemCreateRequest:
    request = ua.MonitoredItemCreateRequest()
    request.ItemToMonitor.NodeId = item.node
    request.ItemToMonitor.AttributeId = ua.AttributeIds.Value
    request.MonitoringMode = ua.MonitoringMode.Reporting
    parameters = request.RequestedParameters
    parameters.ClientHandle = item.handle
    parameters.SamplingInterval = item.watch.sampling_interval_ms
    parameters.QueueSize = item.watch.queue_size
    parameters.DiscardOldest = True
    if _has_deadband(item):
        change = ua.DataChangeFilter()
        change.Trigger = ua.DataChangeTrigger.StatusValue
        change.DeadbandType = (
            ua.DeadbandType.Absolute if item.watch.deadband_type == "absolute" else ua.DeadbandType.Percent
        )
        change.DeadbandValue = item.watch.deadband
        parameters.Filter = change
    return request


def _has_deadband(item: Item) -> bool:
    return item.watch.deadband_type != "none" and item.watch.deadband > 0
