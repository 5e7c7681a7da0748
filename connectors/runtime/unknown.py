"""Readings whose address nobody knows yet: parked while it is looked up, then remembered as unknown for a while.

Parked, so that a device that was made a second ago loses nothing; remembered, so that a device that nobody wants costs
one look-up in ten seconds. Guarded by the pipeline's lock.
"""

from __future__ import annotations

import time
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from connectors.contract import ReadingBlock

REMEMBERED_S = 10.0
_PARKED_ROWS = 20_000
_SIGHTINGS_KEPT = 5_000
_TEXT_KEPT = 4_001
"""One letter more than any point takes: a megabyte that is refused anyhow need not wait in memory."""


@dataclass(slots=True)
class Sighting:
    """An unknown address, and what was last seen there."""

    address: str
    sample: Any
    first_us: int
    last_us: int
    count: int = 0


@dataclass(slots=True, eq=False)
class Unknown:
    """What waits, and what is known to be unknown."""

    _parked: list[ReadingBlock] = field(default_factory=list)
    _asking: list[ReadingBlock] = field(default_factory=list)
    _parked_rows: int = 0
    _asked_for: dict[str, Any] = field(default_factory=dict)
    _refused_until_s: dict[str, float] = field(default_factory=dict)
    sightings: dict[str, Sighting] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        return self._parked_rows >= _PARKED_ROWS

    def is_new(self, address: str) -> bool:
        """Tell whether the address is worth a look-up."""
        until = self._refused_until_s.get(address)
        if until is not None:
            if time.monotonic() < until:
                return False
            del self._refused_until_s[address]
        return len(self._refused_until_s) < _SIGHTINGS_KEPT

    def park(self, block: ReadingBlock, rows: list[int]) -> None:
        """Keep some rows of a block until their addresses are looked up; the block's receipt waits with them."""

        def chosen(column: list[Any] | None) -> list[Any] | None:
            return None if column is None else [column[row] for row in rows]

        part = ReadingBlock(
            addresses=[block.addresses[row] for row in rows],
            values=[_clip(block.values[row]) for row in rows],
            ts_us=[block.ts_us[row] for row in rows],
            received_us=block.received_us,
            quality=chosen(block.quality),
            status=chosen(block.status),
            flags=chosen(block.flags),
            receipt=block.receipt,
        )
        for address, value in zip(part.addresses, part.values, strict=True):
            self._asked_for[address] = value
        self._parked.append(part)
        self._parked_rows += len(rows)

    def take_questions(self) -> dict[str, Any]:
        """Return the addresses to look up with a value seen at each; what waits for them is released by ``release``."""
        asked, self._asked_for = self._asked_for, {}
        self._asking += self._parked
        self._parked = []
        return asked

    def release(self, known: Container[str]) -> list[ReadingBlock]:
        """Return what was parked, oldest first. Addresses that were asked for and are not ``known`` are refused from
        now on, for a while; those that were parked since may be parked again.
        """
        until = time.monotonic() + REMEMBERED_S
        for block in self._asking:
            self._refused_until_s.update(
                (address, until) for address in block.addresses if address not in known
            )
        released = [*self._asking, *self._parked]
        self._asking, self._parked, self._parked_rows = [], [], 0
        return released

    def see(self, address: str, value: Any, received_us: int) -> None:
        """Note an unknown reading for the waiting list."""
        sighting = self.sightings.get(address)
        if sighting is None:
            if len(self.sightings) >= _SIGHTINGS_KEPT:
                return
            sighting = self.sightings[address] = Sighting(address, None, received_us, received_us)
        sighting.sample, sighting.last_us = _clip(value), received_us
        sighting.count += 1

    def take_sightings(self) -> list[Sighting]:
        """Return what was seen since the last call."""
        seen, self.sightings = self.sightings, {}
        return list(seen.values())


def _clip(value: Any) -> Any:
    """Return what is worth keeping of a value: lists and objects are none, whatever is in them."""
    if isinstance(value, str):
        return value[:_TEXT_KEPT]
    return [] if isinstance(value, list | dict) else value
