"""Units as people read them in their language, and what helps who has written one that is none.

Not here: what a unit is and what it converts to (units, which knows no Django).
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _, pgettext_lazy

from forgeline.base.units import guess_unit

# How the shop floor writes what UCUM spells for machines. What is not here is shown as it is.
_DISPLAY: dict[str, Any] = {
    "Cel": "°C", "[degF]": "°F", "1": "", "m3": "m³", "m2": "m²",
    "m3/h": "m³/h", "m3/min": "m³/min", "kg/m3": "kg/m³", "mg/m3": "mg/m³", "m/s2": "m/s²", "mm/s2": "mm/s²",
    "L/min": "l/min", "L": "l", "[g]": "g", "Ohm": "Ω", "deg": "°", "um": "µm", "us": "µs", "uA": "µA",
    "uS/cm": "µS/cm", "N.m": "N·m", "kN.m": "kN·m", "kW.h": "kWh", "W.h": "Wh", "kvar": "kvar", "kvarh": "kvarh",
    "[psi]": "psi", "[ppm]": "ppm", "{pcs}": pgettext_lazy("unit", "pcs"), "{rpm}": pgettext_lazy("unit", "rpm"),
    "rpm": pgettext_lazy("unit", "rpm"), "/min": pgettext_lazy("unit", "1/min"),
    "{pcs}/min": pgettext_lazy("unit", "pcs/min"), "{pcs}/h": pgettext_lazy("unit", "pcs/h"),
}  # fmt: skip


def display_unit(code: str) -> str:
    """Return how a person writes the unit in the language in force: ``Cel`` → °C, ``m3/min`` → m³/min."""
    return str(_DISPLAY.get(code, code))


def say_unit_fault(code: str) -> str:
    """Return the sentence for a code that is no unit: the code that was meant, where somebody knows it."""
    if meant := guess_unit(code):
        return _("“%(unit)s” is no unit of UCUM, which writes it as %(meant)s.") % {
            "unit": code, "meant": meant
        }  # fmt: skip
    return _(
        "%(unit)s is no unit of UCUM; write for example Cel, kW, kWh, bar, m3/h, /min, mm/s, or leave it empty."
    ) % {"unit": code}
