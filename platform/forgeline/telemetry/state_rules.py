"""The seven states of a machine and the rule by which its profile reads them from its points. Pure.

A profile's section ``telemetry.states`` names a point and either a map of its codes or thresholds on its value; an
``override`` point with a map of its own outweighs it (a machine in maintenance is not idle). A value holds until
the next one, at most 3 expected intervals; beyond, and where a value is bad or not in the map, there is no data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from forgeline.telemetry.engines.base import HOLD_INTERVALS
from forgeline.telemetry.sample import Quality


class MachineState(StrEnum):
    """What a machine is doing, in the words that every module uses."""

    RUNNING = "running"
    IDLE = "idle"
    SETUP = "setup"
    DOWN = "down"
    OFF = "off"
    MAINTENANCE = "maintenance"
    NO_DATA = "no_data"


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``state`` below ``below``; the last one of a list has no bound."""

    state: MachineState
    below: float | None = None


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Codes of a point that outweigh the rule's own."""

    point: str
    map: dict[int, MachineState]


class StateRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a profile reads the state."""

    point: str
    map: dict[int, MachineState] = {}
    thresholds: tuple[Threshold, ...] = ()
    override: Override | None = None


class TelemetrySection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section ``telemetry`` of a device profile."""

    states: StateRule | None = None


def parse_section(section: Any) -> TelemetrySection:
    """Return the section as read. **Raises** msgspec.ValidationError."""
    return msgspec.convert(section, TelemetrySection, strict=False)


def check_section(section: Any, points: Sequence[str]) -> list[str]:
    """Return the faults of a profile's section; ``points`` are the keys of the profile's points."""
    try:
        rule = parse_section(section).states
    except msgspec.ValidationError as error:
        return [f"{error}."]
    if rule is None:
        return []
    faults = []
    if bool(rule.map) == bool(rule.thresholds):
        faults.append("states needs either a map or thresholds.")
    bounds = [threshold.below for threshold in rule.thresholds]
    known = [bound for bound in bounds if bound is not None]
    if rule.thresholds and (
        bounds[-1] is not None or len(known) != len(bounds) - 1 or known != sorted(set(known))
    ):
        faults.append("thresholds must rise, and the last one must have no bound.")
    named = [rule.point] + ([rule.override.point] if rule.override else [])
    faults += [f"states names the unknown point {key}." for key in named if key not in points]
    return faults


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Samples of one point by time; the first may lie before the span, to reach into it."""

    ts_us: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int16]
    interval_s: float


@dataclass(frozen=True, slots=True)
class Span:
    """A machine was in ``state`` during ``[from_us, to_us)``."""

    from_us: int
    to_us: int
    state: MachineState


def derive_states(
    rule: StateRule, track: Track, override: Track | None, from_us: int, to_us: int
) -> list[Span]:
    """Return the states of ``[from, to)`` without a gap, neighbours differing."""
    steps = _steps(track, lambda value: _state_of(rule, value), from_us, to_us)
    if rule.override is not None and override is not None:
        codes = rule.override.map
        outweighing = _steps(override, lambda value: codes.get(round(value)), from_us, to_us)
        steps = list(_overlay(steps, outweighing))
    return _merge(Span(start, end, state or MachineState.NO_DATA) for start, end, state in steps)


def _state_of(rule: StateRule, value: float) -> MachineState | None:
    if rule.map:
        return rule.map.get(round(value))
    for threshold in rule.thresholds:
        if threshold.below is None or value < threshold.below:
            return threshold.state
    return None


_Step = tuple[int, int, MachineState | None]


def _steps(track: Track, read: Any, from_us: int, to_us: int) -> list[_Step]:
    """Cut the span at each sample and where a hold ends; None where nothing is known."""
    hold = round(track.interval_s * HOLD_INTERVALS * 1e6)
    steps: list[_Step] = []
    at = from_us
    times = track.ts_us.tolist()
    for i, (ts, value, quality) in enumerate(
        zip(times, track.value.tolist(), track.quality.tolist(), strict=True)
    ):
        following = times[i + 1] if i + 1 < len(times) else to_us
        start, end = max(ts, at), min(following, ts + hold, to_us)
        if end <= start:
            continue
        if start > at:
            steps.append((at, start, None))
        is_known = quality != Quality.BAD and value == value
        steps.append((start, end, read(value) if is_known else None))
        at = end
    if at < to_us:
        steps.append((at, to_us, None))
    return steps


def _overlay(base: list[_Step], over: list[_Step]) -> Iterator[_Step]:
    """The states of ``over`` where it has any, else those of ``base``; both tile the same span."""
    borders = sorted(
        {step[0] for step in base} | {step[0] for step in over} | {base[-1][1]} if base else set()
    )
    i = j = 0
    for start, end in pairwise(borders):
        while base[i][1] <= start:
            i += 1
        while over[j][1] <= start:
            j += 1
        yield start, end, over[j][2] or base[i][2]


def _merge(spans: Iterator[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in spans:
        if merged and merged[-1].state is span.state:
            merged[-1] = Span(merged[-1].from_us, span.to_us, span.state)
        else:
            merged.append(span)
    return merged
