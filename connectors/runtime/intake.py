"""The outlet of one connection: finds the route of each reading, turns values to numbers, counts what it refuses.

Not here: batches (filling, pipeline), what an unknown address means (the resolver, given by whoever knows the tenant).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.contract import BindingSpec, ReadingBlock, Undecodable
from connectors.runtime.addresses import split_address
from connectors.runtime.counters import Counters
from connectors.runtime.filling import Filling, Settle
from connectors.runtime.pipeline import Pipeline
from connectors.runtime.unknown import Unknown
from connectors.runtime.values import ValueRefusedError, convert
from forgeline.telemetry.sample import SampleFlag

UNKNOWN_ADDRESS = "connectors.unknown_address"
_NUMBERS = ({float}, {int}, {float, int})
_PLANS_KEPT = 50_000
_PLAN_SLOTS_KEPT = 500_000
_FULL_WAIT_S = 0.01


@dataclass(slots=True, eq=False)
class _Route:
    slot: int
    kind: int
    codes: Mapping[str, float] | None


@dataclass(slots=True, eq=False)
class _Plan:
    """What a tuple of addresses means, worked out once: messages repeat their shape."""

    slots: list[int]
    counters: Counters
    is_plain: bool
    """No text, no words: numbers go straight through."""


@dataclass(slots=True, eq=False)
class Intake:
    """One connection's way into the pipeline. ``offer`` and ``refuse`` may be called from any thread."""

    pipeline: Pipeline
    counters: Counters
    settle: Settle
    """Driver.settle behind a hop to the event loop."""
    on_event: Callable[[str, dict[str, Any]], None] = lambda event, facts: None
    counters_of: Mapping[str, Counters] = field(default_factory=dict)
    """Device → counters, where one connection carries several tenants."""
    _routes: dict[str, _Route] = field(default_factory=dict)
    _plans: dict[tuple[str, ...], _Plan] = field(default_factory=dict)
    _plan_slots: int = 0
    unknown: Unknown = field(default_factory=Unknown)
    _sources: dict[int, int] = field(default_factory=dict)

    # --- the map ---

    def set_bindings(self, specs: Iterable[BindingSpec]) -> None:
        """Take a whole new map; readings offered from now on follow it."""
        with self.pipeline.lock:
            self._routes = {spec.address: self._route(spec) for spec in specs}
            self._forget_plans()

    def add_bindings(self, specs: Iterable[BindingSpec]) -> None:
        """Add to the map."""
        with self.pipeline.lock:
            self._routes.update((spec.address, self._route(spec)) for spec in specs)
            self._forget_plans()

    def _forget_plans(self) -> None:
        self._plans.clear()
        self._plan_slots = 0

    def _route(self, spec: BindingSpec) -> _Route:
        counters = self._counters_for(spec.address)
        source = self._sources.get(id(counters))
        if source is None:
            source = self._sources[id(counters)] = self.pipeline.routes.add_source(counters)
        return _Route(self.pipeline.routes.add([spec], source)[0], spec.kind, spec.options.get("codes"))

    def _counters_for(self, address: str) -> Counters:
        if not self.counters_of:
            return self.counters
        return self.counters_of.get(split_address(address)[0], self.counters)

    # --- Outlet ---

    async def put(self, block: ReadingBlock) -> None:
        """Hand over a block; waits while the pipeline is full."""
        while not self.offer(block):  # noqa: ASYNC110  # room is made by a thread; an event would cost it a hop a batch
            await asyncio.sleep(_FULL_WAIT_S)

    def offer(self, block: ReadingBlock) -> bool:
        """Hand over a block; False when the pipeline is full or too many unknown readings wait to be looked up."""
        pipeline = self.pipeline
        with pipeline.lock:
            if not pipeline.has_room() or self.unknown.is_full:
                return False
            pipeline.touch()
            self._take(block, pipeline.filling)
        return True

    def refuse(self, undecodable: Undecodable, receipt: Any = None) -> None:
        """Count and keep what could not be decoded; its receipt is settled with the batch that fills now."""
        pipeline = self.pipeline
        with pipeline.lock:
            counters = self.counters_of.get(undecodable.device, self.counters)
            counters.received += 1
            counters.keep(undecodable)
            if receipt is not None:
                pipeline.touch()
                pipeline.filling.blocks += 1
                pipeline.filling.settle_later(self.settle, receipt)

    def report(self, event: str, **facts: Any) -> None:
        """Keep what a person should know; of a source that many share, for each of them."""
        shared = {id(counters): counters for counters in list(self.counters_of.values())}
        for counters in (self.counters, *shared.values()):
            counters.events.append({"at": time.time_ns() // 1_000_000, "event": event, **facts})
        self.on_event(event, facts)

    def measure(self, name: str, value: float) -> None:
        """Keep a number that the source counts itself."""
        self.counters.measures[name] = value

    # --- one block, under the lock ---

    def _take(self, block: ReadingBlock, filling: Filling) -> None:
        addresses = block.addresses
        plan = self._plans.get(addresses) if type(addresses) is tuple else None
        if plan is None:
            plan = self._make_plan(addresses)
        filling.blocks += 1
        if plan is not None:
            counters = plan.counters
            counters.received += 1
            counters.decoded += len(addresses)
            if plan.is_plain and set(map(type, block.values)) in _NUMBERS:
                self._take_numbers(plan.slots, block, filling)
            else:
                self._take_each(block, filling)
        else:
            self._counters_for(addresses[0] if addresses else "").received += 1
            if self._take_each(block, filling, fresh=True):
                return
        if block.receipt is not None:
            filling.settle_later(self.settle, block.receipt)

    def _make_plan(self, addresses: Sequence[str]) -> _Plan | None:
        """Return what the addresses mean; None where one of them is unknown (or there is none)."""
        routes = [self._routes.get(address) for address in addresses]
        known = [route for route in routes if route is not None]
        if len(known) < len(routes) or not known:
            return None
        is_text = self.pipeline.routes.is_text
        plan = _Plan(
            [route.slot for route in known],
            self._counters_for(addresses[0]),
            not any(is_text[route.slot] for route in known),
        )
        if type(addresses) is tuple:
            if len(self._plans) >= _PLANS_KEPT or self._plan_slots >= _PLAN_SLOTS_KEPT:
                self._forget_plans()
            self._plans[addresses] = plan
            self._plan_slots += len(addresses)
        return plan

    def _take_numbers(self, slots: list[int], block: ReadingBlock, filling: Filling) -> None:
        """The common case, without a step a value: every address known, every value a number."""
        start = len(filling.values)
        values = block.values
        try:
            filling.values.extend(map(float, values))
        except OverflowError:
            del filling.values[start:]
            self._take_each(block, filling)
            return
        filling.slots.extend(slots)
        flags = block.flags
        if None in block.ts_us:
            flags = [
                (flags[i] if flags else 0) | (SampleFlag.ARRIVAL_TIME if ts is None else 0)
                for i, ts in enumerate(block.ts_us)
            ]
            filling.ts_us.extend(block.received_us if ts is None else ts for ts in block.ts_us)
        else:
            filling.ts_us.extend(block.ts_us)  # type: ignore[arg-type]  # none of them is None
        if block.quality is not None or block.status is not None or flags is not None:
            filling.extras.append((start, block.quality, block.status, flags))

    def _take_each(self, block: ReadingBlock, filling: Filling, *, fresh: bool = False) -> bool:
        """Row by row: texts, words, gaps, unknown addresses. True where the block's receipt waits with parked rows."""
        parked: list[int] = []
        for row, address in enumerate(block.addresses):
            route = self._routes.get(address)
            counters = self._counters_for(address)
            if fresh:
                counters.decoded += 1
            if route is None:
                if self.unknown.is_new(address):
                    parked.append(row)
                else:
                    self.unknown.see(address, block.values[row], block.received_us)
                    counters.rejected[UNKNOWN_ADDRESS] += 1
                continue
            self._take_row(block, row, route, counters, filling)
        if parked:
            self.unknown.park(block, parked)
        return bool(parked)

    def _take_row(
        self, block: ReadingBlock, row: int, route: _Route, counters: Counters, filling: Filling
    ) -> None:
        quality = block.quality[row] if block.quality else 0
        try:
            number, text = convert(block.values[row], route.kind, quality, route.codes)
        except ValueRefusedError as refusal:
            counters.rejected[str(refusal)] += 1
            return
        at = len(filling.slots)
        ts = block.ts_us[row]
        flags = block.flags[row] if block.flags else 0
        if ts is None:
            ts, flags = block.received_us, flags | SampleFlag.ARRIVAL_TIME
        filling.slots.append(route.slot)
        filling.ts_us.append(ts)
        filling.values.append(number)
        if text is not None:
            filling.texts.append((at, text))
            filling.letters += len(text)
        status = block.status[row] if block.status else 0
        if quality or status or flags:
            filling.extras.append((at, [quality], [status], [flags]))

    # --- unknown addresses ---

    def resolve_parked(self, specs: Iterable[BindingSpec]) -> int:
        """Take what was found for the unknown addresses that were asked for; the rest of what is parked is refused.

        Returns how many readings found their point.
        """
        self.add_bindings(specs)
        with self.pipeline.lock:
            found = 0
            for block in self.unknown.release(self._routes):
                self.pipeline.touch()
                found += self._take_parked(block)
        return found

    def _take_parked(self, block: ReadingBlock) -> int:
        filling = self.pipeline.filling
        before = len(filling.slots)
        still_parked = self._take_each(block, filling)
        filling.blocks += 1
        if block.receipt is not None and not still_parked:
            filling.settle_later(self.settle, block.receipt)
        return len(filling.slots) - before
