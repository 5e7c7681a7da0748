"""The points of a CNC machine: spindle, axes and steps are recordings, states and part counts are simulated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from demoplant.loop import Loop
from demoplant.model import COUNTER, GAUGE, STATE, PointSpec, Title
from demoplant.recorded import cnc
from demoplant.signals import Counted, Metered, Replayed
from demoplant.simulated import ItemState, OperationMode, cnc_round

ITEM_STATE_TITLES = {
    int(ItemState.NOT_AVAILABLE): Title("Not available", "不可用"),
    int(ItemState.OUT_OF_SERVICE): Title("Out of service", "停用"),
    int(ItemState.NOT_EXECUTING): Title("Not executing", "未执行"),
    int(ItemState.EXECUTING): Title("Executing", "执行中"),
}
OPERATION_MODE_TITLES = {
    int(OperationMode.NONE): Title("None", "无"),
    int(OperationMode.MAINTENANCE): Title("Maintenance", "维护"),
    int(OperationMode.SETUP): Title("Setup", "调整"),
    int(OperationMode.PROCESSING): Title("Processing", "加工"),
}
STEP_TITLES = {
    0: Title("Part change", "换件"), 1: Title("Starting", "启动"), 2: Title("Prep", "准备"),
    3: Title("Layer 1 up", "第 1 层上行"), 4: Title("Layer 1 down", "第 1 层下行"),
    5: Title("Layer 2 up", "第 2 层上行"), 6: Title("Layer 2 down", "第 2 层下行"),
    7: Title("Layer 3 up", "第 3 层上行"), 8: Title("Layer 3 down", "第 3 层下行"),
    9: Title("Repositioning", "重新定位"), 10: Title("End", "结束"),
}  # fmt: skip
_ROUND_APART_MS = 317_000
"""The machines play the same recordings, each at another place."""


def cnc_points(number: int) -> tuple[PointSpec, ...]:
    """Return the points of CNC machine ``number``."""
    offset = number * _ROUND_APART_MS
    simulated = cnc_round(breaks_down=number == 3)

    def recorded(key: str, title: Title, unit: str, role: str, column: str, decimals: int, history_s: int,
                 valid: tuple[float, float], factor: float = 1.0) -> PointSpec:  # fmt: skip
        signal = Replayed(cnc(column).scaled(factor), offset)
        return PointSpec(key, title, unit, GAUGE, role, signal, False, history_s, decimals, valid=valid)

    return (
        PointSpec("state", Title("State (Machinery)", "状态（Machinery）"), "", STATE, "machine.state",
                  Replayed(simulated.state, offset), True, 300, 0, labels=ITEM_STATE_TITLES, on_change=True),
        PointSpec("mode", Title("Operation mode", "运行模式"), "", STATE, "machine.mode",
                  Replayed(simulated.mode, offset), True, 300, 0, labels=OPERATION_MODE_TITLES, on_change=True),
        PointSpec("program_step", Title("Step of the program", "程序步骤"), "", STATE, "machine.program",
                  Replayed(cnc("Machining_Process"), offset), False, 120, 0, labels=STEP_TITLES),
        # The source's spindle velocity is in revolutions per second.
        recorded("spindle_speed", Title("Spindle speed", "主轴转速"), "rpm", "machine.speed", "S1_ActualVelocity",
                 0, 60, (-100, 4000), 60.0),
        recorded("spindle_current", Title("Spindle current", "主轴电流"), "A", "current", "S1_CurrentFeedback",
                 2, 60, (-100, 200)),
        recorded("spindle_power", Title("Spindle power", "主轴功率"), "kW", "power.active", "S1_OutputPower",
                 3, 60, (-1, 5)),
        recorded("feed_rate", Title("Feed rate", "进给速度"), "mm/s", "", "M1_CURRENT_FEEDRATE", 0, 120, (0, 100)),
        recorded("position_x", Title("Position X", "X 轴位置"), "mm", "position",
                 "X1_ActualPosition", 2, 300, (0, 300)),
        recorded("position_y", Title("Position Y", "Y 轴位置"), "mm", "position",
                 "Y1_ActualPosition", 2, 300, (0, 300)),
        recorded("position_z", Title("Position Z", "Z 轴位置"), "mm", "position",
                 "Z1_ActualPosition", 2, 300, (0, 300)),
        PointSpec("parts_total", Title("Parts made", "生产数量"), "{pcs}", COUNTER, "count.total",
                  Counted(simulated.parts, offset), True, 300, 0),
        # The register adds up the recorded power: computed, but of what was measured.
        PointSpec("energy", Title("Spindle energy", "主轴电能"), "kWh", COUNTER, "energy.active",
                  Metered(_power().integral(), offset), False, 300, 4),
    )  # fmt: skip


def _power() -> Loop:
    """Return the spindle power without the moments in which it brakes: a register does not run backwards."""
    power = cnc("S1_OutputPower")
    return replace(power, values=np.maximum(power.values, 0.0))
