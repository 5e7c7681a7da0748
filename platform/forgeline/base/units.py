"""Units by UCUM: is it one, does it fit another, how does a person write it. Pure; the parser loads on first use.

**Source** The Unified Code for Units of Measure, version 2.1. Parsing and conversion by ucumvert and pint.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cache
from typing import Any


class UnitError(ValueError):
    """A string that is no UCUM unit, or two units between which nothing converts; says what helps."""


# How the shop floor writes what UCUM spells for machines. What is not here is shown as it is.
_DISPLAY = {
    "Cel": "°C", "[degF]": "°F", "1": "", "{pcs}": "pcs", "{rpm}": "rpm", "/min": "1/min", "m3": "m³", "m2": "m²",
    "m3/h": "m³/h", "m3/min": "m³/min", "kg/m3": "kg/m³", "mg/m3": "mg/m³", "m/s2": "m/s²", "mm/s2": "mm/s²",
    "L/min": "l/min", "L": "l", "[g]": "g", "Ohm": "Ω", "deg": "°", "um": "µm", "us": "µs", "uA": "µA",
    "uS/cm": "µS/cm", "N.m": "N·m", "kN.m": "kN·m", "kW.h": "kWh", "W.h": "Wh", "kvar": "kvar", "kvarh": "kvarh",
}  # fmt: skip

# Used in every plant and absent from UCUM, which would spell kWh as kW.h and var as W.
_HOUSE_UNITS = {
    "Wh": "W.h", "kWh": "kW.h", "MWh": "MW.h", "var": "W", "kvar": "kW", "varh": "W.h", "kvarh": "kW.h", "VA": "V.A",
    "kVA": "kV.A", "rpm": "/min",
}  # fmt: skip


_SPAN = 1e6
"""Wide, so that an offset takes no digits from the factor."""
_ANNOTATION = re.compile(r"\{[^{}]*\}")


def check_unit(code: str) -> None:
    """Pass for '' (no unit) and every UCUM code. **Raises** UnitError."""
    if code:
        _parse(code)


def display_unit(code: str) -> str:
    """Return how a person writes the unit: ``Cel`` → °C, ``m3/min`` → m³/min."""
    return _DISPLAY.get(code, code)


def units_fit(code: str, others: Sequence[str]) -> bool:
    """Say whether a unit is one of ``others`` or can be converted to one of them."""
    if code in others:
        return True
    for other in others:
        try:
            convert(1.0, code, other)
        except UnitError:
            continue
        return True
    return False


def convert(value: float, source: str, target: str) -> float:
    """Convert a value between units. **Raises** UnitError where they measure different things."""
    if source == target:
        return value
    try:
        return float(_quantity(value, source).to(_parse(target)).magnitude)
    except UnitError:
        raise
    except Exception as error:  # pint raises several unrelated types for units that do not fit
        raise UnitError(f"{source or 'no unit'} cannot be converted to {target or 'no unit'}.") from error


@cache
def affine(source: str, target: str) -> tuple[float, float]:
    """Return (factor, offset) with target = source · factor + offset: °F to °C has both.

    **Raises** UnitError where they measure different things, or no straight line leads from one to the other (dB).
    """
    if source == target:
        return 1.0, 0.0
    offset = convert(0.0, source, target)
    factor = (convert(_SPAN, source, target) - offset) / _SPAN
    probe = convert(_SPAN / 2, source, target)
    if not math.isclose(probe, factor * _SPAN / 2 + offset, rel_tol=1e-9, abs_tol=1e-9):
        raise UnitError(f"{source or 'no unit'} is not converted to {target or 'no unit'} by a factor.")
    return factor, offset


def _quantity(value: float, code: str) -> Any:
    registry, _ = _tools()
    return registry.Quantity(value, _parse(code))


@cache
def _parse(code: str) -> Any:
    registry, from_ucum = _tools()
    # An annotation names what is counted and measures nothing: {pcs}/min is /min (UCUM, section 6).
    bare = _ANNOTATION.sub("", code)
    if bare in ("", "1"):
        return registry.dimensionless
    try:
        return from_ucum(_HOUSE_UNITS.get(bare, bare)).units
    except Exception as error:  # the parser's own types are many; each means that this is no unit
        raise UnitError(
            f"{code!r} is no unit of UCUM; write for example Cel, kW, kWh, bar, m3/h, /min, mm/s, or leave it empty."
        ) from error


@cache
def _tools() -> tuple[Any, Any]:
    from ucumvert import PintUcumRegistry

    registry = PintUcumRegistry()
    return registry, registry.from_ucum
