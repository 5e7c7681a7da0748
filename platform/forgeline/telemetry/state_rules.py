"""The rule by which a machine's state follows from its points: the ``telemetry`` section of a device profile. Pure.

Not here: intervals of states (states), profiles (assets/profiles).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray


class MachineState(StrEnum):
    """The seven states, the same on every page (after ISO 22400-2, section 5.2, and the time model of VDI 3423)."""

    RUNNING = "running"
    IDLE = "idle"
    SETUP = "setup"
    DOWN = "down"
    OFF = "off"
    NO_DATA = "no_data"
    MAINTENANCE = "maintenance"


STATE_CODES = {state: code for code, state in enumerate(MachineState)}
"""Number of each state where states are columns."""


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A state from a measurement: ``state`` at ``at_least`` and above; the highest that fits wins."""

    at_least: float
    state: MachineState


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A second point whose codes outweigh the first: a mode of maintenance, of set-up."""

    point: str
    map: dict[int, MachineState]


class StateRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``point`` with a ``map`` of codes, or with ``thresholds`` on a measurement; an ``override`` outweighs both."""

    point: str
    map: dict[int, MachineState] = {}
    thresholds: tuple[Threshold, ...] = ()
    override: Override | None = None


class TelemetrySection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a device profile may say to telemetry."""

    states: StateRule | None = None


def check_section(section: Any, point_keys: tuple[str, ...]) -> list[str]:
    """Return the faults of a profile's ``telemetry`` section."""
    try:
        parsed = parse_section(section)
    except msgspec.ValidationError as error:
        return [f"{error}."]
    rule = parsed.states
    if rule is None:
        return []
    faults = []
    named = [rule.point] + ([rule.override.point] if rule.override else [])
    faults += [f"the state rule names the unknown point {key}." for key in named if key not in point_keys]
    if bool(rule.map) == bool(rule.thresholds):
        faults.append("the state rule needs either a map of codes or thresholds.")
    levels = [threshold.at_least for threshold in rule.thresholds]
    if levels != sorted(set(levels)):
        faults.append("the thresholds of the state rule must rise.")
    return faults


def parse_section(section: Any) -> TelemetrySection:
    """Return the section as it is meant. **Raises** msgspec.ValidationError."""
    return msgspec.convert(section, TelemetrySection, strict=False)


def states_of(
    rule: StateRule, values: NDArray[np.float64], override: NDArray[np.float64] | None = None
) -> NDArray[np.int8]:
    """Return the state code of each value (STATE_CODES).

    **Shape** as ``values``; ``override`` is parallel. **Gaps** NaN, and a code that the rule does not name, is
    NO_DATA; NaN in ``override`` outweighs nothing.
    """
    codes = np.full(len(values), STATE_CODES[MachineState.NO_DATA], np.int8)
    for code, state in rule.map.items():
        codes[values == code] = STATE_CODES[state]
    for threshold in rule.thresholds:
        codes[values >= threshold.at_least] = STATE_CODES[threshold.state]
    if rule.override is not None and override is not None:
        there = ~np.isnan(values)
        for code, state in rule.override.map.items():
            codes[there & (override == code)] = STATE_CODES[state]
    return codes
