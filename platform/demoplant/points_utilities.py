"""The points of the furnace and the compressors: process values and meters are recordings, machines are simulated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from demoplant.loop import Loop
from demoplant.model import COUNTER, GAUGE, STATE, PointSpec, Title
from demoplant.recorded import gas_turbine, steel
from demoplant.signals import Constant, Excursion, Metered, Noisy, Replayed, Signal, Silent, Window
from demoplant.simulated import compressor_day

FURNACE_STATE_TITLES = {
    0: Title("Off", "关闭"), 1: Title("Standby", "待机"), 2: Title("Heating", "加热"),
}  # fmt: skip
LOAD_TYPE_TITLES = {
    1: Title("Light load", "轻负荷"), 2: Title("Medium load", "中负荷"), 3: Title("Maximum load", "最大负荷"),
}  # fmt: skip
COMPRESSOR_STATE_TITLES = {
    0: Title("Off", "关闭"), 1: Title("Unloaded", "卸载"), 2: Title("Loaded", "加载"),
}  # fmt: skip

STANDBY_BELOW_KW = 40.0
"""The recording shows 10 to 30 kW in its quiet hours and 150 to 600 kW in its working ones."""

EXCURSION = Window(from_ms=90_000, until_ms=390_000, every_ms=8 * 3_600_000)
"""Story: from second 90 to 390 of a run, and every eight hours: compressor 1 runs hot, beyond 105 °C."""
SILENCE = Window(from_ms=240_000, until_ms=540_000, every_ms=8 * 3_600_000)
"""Story: from minute 4 to 9 of a run, and every eight hours: compressor 2's vibration sensor says nothing."""

_FOUR_WEEKS_MS = 28 * 86_400_000


def furnace_points() -> tuple[PointSpec, ...]:
    """Return the points of the furnace: a gas turbine's temperatures, a steel works' meter."""
    power = steel("Usage_kWh")
    reactive = steel("Lagging_Current_Reactive_Power_kVarh")
    return (
        PointSpec("state", Title("State", "状态"), "", STATE, "machine.state", Replayed(_furnace_state(power)),
                  True, 300, 0, 5, labels=FURNACE_STATE_TITLES, on_change=True),
        _turbine("zone_temperature", Title("Zone temperature", "炉温"), "Cel", "temperature", "TIT", 1, (0, 1300)),
        PointSpec("temperature_setpoint", Title("Temperature setpoint", "温度设定值"), "Cel", GAUGE,
                  "temperature.setpoint", Constant(1085.0), True, 300, 0, 5, (0, 1300)),
        _turbine("flue_temperature", Title("Flue gas temperature", "烟气温度"), "Cel", "temperature",
                 "TAT", 1, (0, 900)),
        _turbine("co", Title("Carbon monoxide", "一氧化碳"), "mg/m3", "emission.co", "CO", 3, (0, 100)),
        _turbine("nox", Title("Nitrogen oxides", "氮氧化物"), "mg/m3", "emission.nox", "NOX", 2, (0, 200)),
        PointSpec("power", Title("Active power", "有功功率"), "kW", GAUGE, "power.active", Replayed(power),
                  False, 900, 2, 10, (0, 1000)),
        PointSpec("power_reactive", Title("Reactive power", "无功功率"), "kvar", GAUGE, "power.reactive",
                  Replayed(reactive), False, 900, 2, 10, (0, 1000)),
        PointSpec("power_factor", Title("Power factor", "功率因数"), "%", GAUGE, "power.factor",
                  Replayed(steel("Lagging_Current_Power_Factor")), False, 900, 2, 10, (0, 100)),
        PointSpec("energy", Title("Electrical energy", "电能"), "kWh", COUNTER, "energy.active",
                  Metered(power.integral()), False, 900, 3, 10),
        PointSpec("energy_reactive", Title("Reactive energy", "无功电能"), "kvarh", COUNTER, "energy.reactive",
                  Metered(reactive.integral()), False, 900, 3, 10),
        PointSpec("load_type", Title("Load type", "负荷类型"), "", STATE, "", Replayed(steel("Load_Type")),
                  False, 900, 0, 10, labels=LOAD_TYPE_TITLES),
    )  # fmt: skip


def compressor_points(number: int) -> tuple[PointSpec, ...]:
    """Return the points of compressor ``number``: a gas turbine's intake and compressor, a simulated machine."""
    day = compressor_day(100 + number, 55.0, (0, 24) if number == 1 else (6, 22))
    apart = (number - 1) * _FOUR_WEEKS_MS
    heat: Signal = Noisy(Replayed(_discharge_heat(day.state)), 50 + number, 0.006, 15_000)
    if number == 1:
        heat = Excursion(heat, EXCURSION, 28.0)
    vibration: Signal = Noisy(Replayed(_vibration(day.state)), 60 + number, 0.06, 2000)
    if number == 2:
        vibration = Silent(vibration, SILENCE)
    return (
        PointSpec("state", Title("State", "状态"), "", STATE, "machine.state", Replayed(day.state),
                  True, 300, 0, 5, labels=COMPRESSOR_STATE_TITLES, on_change=True),
        PointSpec("load", Title("Load", "负载率"), "%", GAUGE, "load", Replayed(day.load), True, 300, 1, 5, (0, 110)),
        _turbine("discharge_pressure", Title("Discharge pressure", "排气压力"), "bar", "pressure", "CDP", 3,
                 (0, 20), apart),
        PointSpec("discharge_temperature", Title("Discharge temperature", "排气温度"), "Cel", GAUGE, "temperature",
                  heat, True, 300, 1, 5, (-20, 140)),
        _turbine("intake_temperature", Title("Intake temperature", "进气温度"), "Cel", "temperature",
                 "AT", 2, (-40, 60)),
        _turbine("intake_pressure", Title("Intake pressure", "进气压力"), "mbar", "pressure", "AP", 1, (900, 1100)),
        _turbine("humidity", Title("Intake humidity", "进气湿度"), "%", "humidity", "AH", 1, (0, 100)),
        _turbine("filter_pressure_drop", Title("Filter pressure drop", "过滤器压差"), "mbar", "", "AFDP", 3,
                 (0, 15), apart),
        PointSpec("vibration", Title("Vibration", "振动"), "mm/s", GAUGE, "vibration.velocity", vibration,
                  True, 60, 2, 2, (0, 45)),
        PointSpec("power", Title("Active power", "有功功率"), "kW", GAUGE, "power.active",
                  Noisy(Replayed(day.power_kw), 70 + number, 0.01, 5000), True, 300, 1, 5, (0, 80)),
        PointSpec("energy", Title("Electrical energy", "电能"), "kWh", COUNTER, "energy.active",
                  Metered(day.power_kw.integral()), True, 300, 2, 5),
    )  # fmt: skip


def _turbine(key: str, title: Title, unit: str, role: str, column: str, decimals: int,
             valid: tuple[float, float], offset_ms: int = 0) -> PointSpec:  # fmt: skip
    # Hourly means, drawn as straight lines between the hours; the history carries twelve places of each line.
    signal = Replayed(gas_turbine(column), offset_ms)
    return PointSpec(key, title, unit, GAUGE, role, signal, False, 300, decimals, 5, valid)


def _furnace_state(power: Loop) -> Loop:
    return replace(power, values=np.where(power.values < STANDBY_BELOW_KW, 1.0, 2.0))


def _discharge_heat(state: Loop) -> Loop:
    return replace(state, values=np.select([state.values == 2.0, state.values == 1.0], [88.0, 82.0], 31.0))


def _vibration(state: Loop) -> Loop:
    return replace(state, values=np.select([state.values == 2.0, state.values == 1.0], [2.4, 1.7], 0.1))
