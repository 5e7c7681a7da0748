"""The points of a press: PackML and what hangs on it are simulated, the bearing temperature is a recording."""

from __future__ import annotations

from demoplant.model import BOOLEAN, COUNTER, GAUGE, STATE, PointSpec, Title
from demoplant.recorded import machine_temperature
from demoplant.signals import Chattering, Constant, Counted, Metered, Noisy, PerPiece, Replayed, Window
from demoplant.simulated import PackML, UnitMode, press_week

_STATE_TITLES = {
    PackML.CLEARING: Title("Clearing", "清除中"), PackML.STOPPED: Title("Stopped", "已停止"),
    PackML.STARTING: Title("Starting", "启动中"), PackML.IDLE: Title("Idle", "空闲"),
    PackML.SUSPENDED: Title("Suspended", "已挂起"), PackML.EXECUTE: Title("Execute", "运行"),
    PackML.STOPPING: Title("Stopping", "停止中"), PackML.ABORTING: Title("Aborting", "中止中"),
    PackML.ABORTED: Title("Aborted", "已中止"), PackML.HOLDING: Title("Holding", "保持中"),
    PackML.HELD: Title("Held", "已保持"), PackML.UNHOLDING: Title("Unholding", "解除保持中"),
    PackML.SUSPENDING: Title("Suspending", "挂起中"), PackML.UNSUSPENDING: Title("Unsuspending", "解除挂起中"),
    PackML.RESETTING: Title("Resetting", "复位中"), PackML.COMPLETING: Title("Completing", "完成中"),
    PackML.COMPLETE: Title("Complete", "已完成"),
}  # fmt: skip
_MODE_TITLES = {
    UnitMode.PRODUCTION: Title("Production", "生产"), UnitMode.MAINTENANCE: Title("Maintenance", "维护"),
    UnitMode.MANUAL: Title("Manual", "手动"),
}  # fmt: skip
PACKML_TITLES = {int(state): title for state, title in _STATE_TITLES.items()}
UNIT_MODE_TITLES = {int(mode): title for mode, title in _MODE_TITLES.items()}

_STROKES_PER_MIN = {1: 28.0, 2: 32.0, 3: 24.0, 4: 30.0}
_POWER_KW = {1: 46.0, 2: 52.0, 3: 61.0, 4: 48.0}
_SCRAP_SHARE = {1: 0.006, 2: 0.018, 3: 0.009, 4: 0.012}
_FORCE_KN = {1: 1850.0, 2: 2050.0, 3: 2280.0, 4: 1720.0}
_WEEKS_APART_MS = 19 * 86_400_000
"""Each press plays another part of the eleven weeks of bearing temperature."""

CHATTER = Window(from_ms=180_000, until_ms=420_000, every_ms=8 * 3_600_000)
"""Story: from minute 3 to 7 of a run, and every eight hours: press 2's lubrication switch flutters."""


def press_points(number: int) -> tuple[PointSpec, ...]:
    """Return the points of press ``number``."""
    week = press_week(number, _STROKES_PER_MIN[number], _POWER_KW[number], _SCRAP_SHARE[number])
    pieces = Counted(week.pieces)
    return (
        PointSpec("state", Title("State (PackML)", "状态（PackML）"), "", STATE, "machine.state", Replayed(week.state),
                  True, 300, 0, labels=PACKML_TITLES, on_change=True),
        PointSpec("mode", Title("Unit mode", "单元模式"), "", STATE, "machine.mode", Replayed(week.mode),
                  True, 300, 0, labels=UNIT_MODE_TITLES, on_change=True),
        PointSpec("speed", Title("Strokes per minute", "每分钟行程数"), "/min", GAUGE, "machine.speed",
                  Noisy(Replayed(week.speed), number, 0.01, 5000), True, 60, 1, valid=(0, 80)),
        PointSpec("parts_total", Title("Parts made", "生产数量"), "{pcs}", COUNTER, "count.total", pieces,
                  True, 300, 0),
        PointSpec("parts_scrap", Title("Scrap", "废品数量"), "{pcs}", COUNTER, "count.scrap", Counted(week.scrap),
                  True, 300, 0),
        PointSpec("force_peak", Title("Peak force", "峰值力"), "kN", GAUGE, "",
                  PerPiece(pieces, 10 + number, _FORCE_KN[number], 14.0), True, 60, 0, valid=(0, 2600)),
        PointSpec("bearing_temperature", Title("Main bearing temperature", "主轴承温度"), "Cel", GAUGE,
                  "temperature", Replayed(machine_temperature(), number * _WEEKS_APART_MS), False, 300, 2,
                  valid=(-20, 150)),
        PointSpec("vibration", Title("Frame vibration", "机身振动"), "mm/s", GAUGE, "vibration.velocity",
                  Noisy(Replayed(week.power_kw.scaled(3.1 / _POWER_KW[number])), 20 + number, 0.07), True, 60, 2,
                  valid=(0, 45)),
        PointSpec("power", Title("Active power", "有功功率"), "kW", GAUGE, "power.active",
                  Noisy(Replayed(week.power_kw), 30 + number, 0.02, 2000), True, 60, 1, valid=(0, 120)),
        PointSpec("energy", Title("Electrical energy", "电能"), "kWh", COUNTER, "energy.active",
                  Metered(week.power_kw.integral()), True, 300, 2),
        PointSpec("lubrication_low", Title("Lubrication low", "润滑不足"), "", BOOLEAN, "",
                  Chattering(CHATTER, 40) if number == 2 else Constant(0.0), True, 300, 0, on_change=True),
    )  # fmt: skip
