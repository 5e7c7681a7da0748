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


# Used in every plant and absent from UCUM, which would spell kWh as kW.h and var as W.
_HOUSE_UNITS = {
    "Wh": "W.h", "kWh": "kW.h", "MWh": "MW.h", "var": "W", "kvar": "kW", "varh": "W.h", "kvarh": "kW.h", "VA": "V.A",
    "kVA": "kV.A", "rpm": "/min",
}  # fmt: skip


_MEANT = {
    "°C": "Cel", "℃": "Cel", "degc": "Cel", "°F": "[degF]", "℉": "[degF]", "degf": "[degF]", "°": "deg", "Ω": "Ohm",
    "µm": "um", "μm": "um", "micron": "um", "µs": "us", "μs": "us", "r/min": "rpm", "转/分": "rpm", "1/min": "/min",
    "次/分": "/min", "l/min": "L/min", "l": "L", "Nm": "N.m", "kNm": "kN.m", "psi": "[psi]", "psig": "[psi]",
    "psia": "[psi]", "barg": "bar", "bara": "bar", "ppm": "[ppm]", "mmhg": "mm[Hg]", "mmh2o": "mm[H2O]",
    "in": "[in_i]", "inch": "[in_i]", "ft": "[ft_i]", "lb": "[lb_av]", "lbs": "[lb_av]", "hp": "[HP]", "sec": "s",
    "hr": "h", "mm/sec": "mm/s", "m3/hr": "m3/h", "nm3/h": "m3/h", "pcs": "{pcs}", "pieces": "{pcs}", "个": "{pcs}",
    "件": "{pcs}", "ton": "t", "tonne": "t", "cfm": "[cft_i]/min", "gpm": "[gal_us]/min",
}  # fmt: skip
"""What people and displays write → what UCUM calls it."""
_PLAIN = str.maketrans({"²": "2", "³": "3", "·": ".", "^": None, "µ": "u", "μ": "u"})
_SPAN = 1e6
"""Wide, so that an offset takes no digits from the factor."""
_ANNOTATION = re.compile(r"\{[^{}]*\}")


def check_unit(code: str) -> None:
    """Pass for '' (no unit) and every UCUM code. **Raises** UnitError."""
    if code:
        _parse(code)


def guess_unit(text: str) -> str:
    """Return the UCUM code that somebody has meant, ``psi`` → ``[psi]``; '' where nobody knows."""
    word = text.strip()
    plain = word.translate(_PLAIN)
    for code in (_MEANT.get(word), word, plain, _MEANT.get(word.lower()), _MEANT.get(plain.lower())):
        if code is None:
            continue
        try:
            check_unit(code)
        except UnitError:
            continue
        return code
    return ""


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
