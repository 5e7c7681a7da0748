"""The semantic roles that points may have: the one list by which modules find "the power of this machine"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _, pgettext_lazy


@dataclass(frozen=True, slots=True)
class PointRole:
    """A role, its name for people, and the UCUM units that fit it (empty: any)."""

    key: str
    title: Any
    units: tuple[str, ...] = ()


_ROLES = (
    PointRole("machine.state", _("Machine state")),
    PointRole("machine.mode", _("Operating mode")),
    PointRole("machine.program", _("Program")),
    PointRole("machine.speed", _("Speed"), ("rpm", "/min", "{rpm}", "m/min", "%")),
    PointRole("machine.torque", _("Torque"), ("N.m", "kN.m", "%")),
    PointRole("machine.hours", _("Running hours"), ("h",)),
    PointRole("cycle.time", _("Cycle time"), ("s", "min")),
    PointRole("count.total", _("Parts made"), ("1", "{pcs}")),
    PointRole("count.good", _("Good parts"), ("1", "{pcs}")),
    PointRole("count.scrap", _("Scrap"), ("1", "{pcs}")),
    PointRole("power.active", _("Active power"), ("W", "kW", "MW")),
    PointRole("power.reactive", _("Reactive power"), ("var", "kvar")),
    PointRole("power.factor", _("Power factor"), ("1", "%")),
    PointRole("energy.active", _("Electrical energy"), ("Wh", "kWh", "MWh")),
    PointRole("energy.reactive", _("Reactive energy"), ("varh", "kvarh")),
    PointRole("power.thermal", _("Thermal power"), ("W", "kW", "MW")),
    PointRole("current", pgettext_lazy("electric", "Current"), ("A", "mA")),
    PointRole("current.leakage", _("Leakage current"), ("A", "mA")),
    PointRole("current.unbalance", _("Current unbalance"), ("%",)),
    PointRole("voltage", _("Voltage"), ("V", "kV")),
    PointRole("frequency", _("Frequency"), ("Hz",)),
    PointRole("temperature", _("Temperature"), ("Cel", "K", "[degF]")),
    PointRole("temperature.setpoint", _("Temperature setpoint"), ("Cel", "K", "[degF]")),
    PointRole("pressure", _("Pressure"), ("bar", "mbar", "kPa", "MPa", "Pa")),
    PointRole("pressure.difference", _("Pressure difference"), ("bar", "mbar", "kPa", "MPa", "Pa")),
    PointRole("flow", _("Flow"), ("m3/h", "m3/min", "L/min", "kg/h")),
    PointRole("humidity", _("Humidity"), ("%",)),
    PointRole("vibration.velocity", _("Vibration velocity"), ("mm/s",)),
    PointRole("vibration.acceleration", _("Vibration acceleration"), ("m/s2", "[g]")),
    PointRole("position", _("Position"), ("mm",)),
    PointRole("force", _("Force"), ("N", "kN")),
    PointRole("conductivity", _("Conductivity"), ("uS/cm", "mS/cm")),
    PointRole("load", _("Load"), ("%",)),
    PointRole("emission.co", _("Carbon monoxide"), ("mg/m3",)),
    PointRole("emission.nox", _("Nitrogen oxides"), ("mg/m3",)),
)

POINT_ROLES: dict[str, PointRole] = {role.key: role for role in _ROLES}
