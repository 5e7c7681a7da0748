"""The section ``web`` of a device profile: which points a machine's page shows large, which its chart begins with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec

from forgeline.assets.profiles import PROFILES

MOST_TILES, MOST_LINES = 6, 6


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys of points in their order. ``tiles``: read from a distance; ``chart``: drawn until others are chosen."""

    tiles: tuple[str, ...] = ()
    chart: tuple[str, ...] = ()


def check_section(section: Any, points: Sequence[str]) -> list[str]:
    """Return the faults of a profile's section; ``points`` are the keys of the profile's points."""
    try:
        layout = msgspec.convert(section, Layout)
    except msgspec.ValidationError as error:
        return [f"{error}."]
    faults = [f"there is no point {key}." for key in (*layout.tiles, *layout.chart) if key not in points]
    if len(layout.tiles) > MOST_TILES or len(layout.chart) > MOST_LINES:
        faults.append(f"at most {MOST_TILES} tiles and {MOST_LINES} lines.")
    return faults


@cache
def layout_of(profile_key: str) -> Layout:
    """Return the layout of a profile; an empty one for a profile that has none, or is not there."""
    profile = PROFILES.get(profile_key)
    return msgspec.convert(profile.sections.get("web", {}), Layout) if profile is not None else Layout()
