"""The words of the plant's description: place, machine, device, point. Not here: the plant itself (catalogue)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from demoplant.loop import Instants, Values
from demoplant.signals import Play, Signal

GAUGE, COUNTER, STATE, BOOLEAN = "gauge", "counter", "state", "boolean"
"""Kinds of points, as the REST API spells them."""


@dataclass(frozen=True, slots=True)
class Title:
    """A name in both languages."""

    en: str
    zh: str

    def in_language(self, language: str) -> str:
        return self.zh if language.startswith("zh") else self.en

    @property
    def by_language(self) -> dict[str, str]:
        """As Forgeline takes names: language → word."""
        return {"en": self.en, "zh-hans": self.zh}


@dataclass(frozen=True, eq=False)
class PointSpec:
    """One point: what Forgeline must know of it, and the signal that plays it.

    ``every_s`` is its rhythm on the wire; ``history_s`` the one of the two weeks' history. Forgeline holds a value at
    most three times the expected interval, so that ``expected_s`` is a third of the history's rhythm.
    """

    key: str
    title: Title
    unit: str
    kind: str
    role: str
    signal: Signal
    is_simulated: bool
    history_s: int
    decimals: int = 1
    every_s: int = 1
    valid: tuple[float, float] | None = None
    labels: Mapping[int, Title] = field(default_factory=dict)
    on_change: bool = False
    """The history carries each change too, not only the rhythm: states and counts of pieces."""

    @property
    def expected_s(self) -> float:
        return self.history_s / 3

    def values(self, wall_ms: Instants, play: Play) -> Values:
        """Return what the point says at each moment, rounded as its instrument does; NaN where it says nothing."""
        return np.round(self.signal.at(wall_ms, play), self.decimals) + 0.0  # no negative zero


@dataclass(frozen=True, eq=False)
class MachineSpec:
    """A machine with its place, its points, and how they leave it."""

    key: str
    title: Title
    profile: str
    area: Title
    line: Title
    points: tuple[PointSpec, ...]
    via: Mapping[str, tuple[str, ...]]
    """Device key → keys of the points that it sends by MQTT; empty for a machine on the OPC UA server."""
    nameplate: Mapping[str, str] = field(default_factory=dict)
    """Identification by the Machinery companion specification."""

    @property
    def is_opcua(self) -> bool:
        return not self.via

    def point(self, key: str) -> PointSpec:
        """Return the point named ``key``; KeyError where there is none."""
        for point in self.points:
            if point.key == key:
                return point
        raise KeyError(key)
