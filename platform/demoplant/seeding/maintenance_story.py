"""What happened before the first start, and what is to be done today. Invented; the machines are the plant's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from demoplant.model import Title

TOOL = Title("Tool or die", "刀具或模具")
DRIVE = Title("Drive and bearings", "传动与轴承")
ELECTRIC = Title("Electrics and control", "电气与控制")
HYDRAULIC = Title("Hydraulics and pneumatics", "液压与气动")
SERVICE = Title("Planned service", "计划保养")
REASONS = ((TOOL, False), (DRIVE, False), (ELECTRIC, False), (HYDRAULIC, False), (SERVICE, True))
"""Reason, whether it is planned."""


@dataclass(frozen=True)
class Part:
    title: Title
    facts: Mapping[str, Any]


PARTS = (
    Part(
        Title("Main bearing 23056", "主轴承 23056"),
        {
            "number": "BRG-23056",
            "unit": "",
            "stock": "1",
            "minimum": "1",
            "unit_cost": "3850.00",
            "place": "A-02",
            "supplier": "Wafangdian",
        },
    ),
    Part(
        Title("Brake lining", "制动衬片"),
        {
            "number": "PRS-BRK-04",
            "unit": "",
            "stock": "6",
            "minimum": "4",
            "unit_cost": "420.00",
            "place": "A-05",
            "supplier": "",
        },
    ),
    Part(
        Title("Hydraulic seal kit", "液压密封套件"),
        {
            "number": "HYD-SEAL-12",
            "unit": "",
            "stock": "2",
            "minimum": "3",
            "unit_cost": "265.00",
            "place": "B-01",
            "supplier": "",
        },
    ),
    Part(
        Title("Compressor oil 46", "空压机油 46 号"),
        {
            "number": "OIL-46",
            "unit": "L",
            "stock": "60",
            "minimum": "40",
            "unit_cost": "38.00",
            "place": "C-01",
            "supplier": "",
        },
    ),
    Part(
        Title("Air filter", "空气滤芯"),
        {
            "number": "CMP-AF-7",
            "unit": "",
            "stock": "4",
            "minimum": "2",
            "unit_cost": "180.00",
            "place": "C-02",
            "supplier": "",
        },
    ),
    Part(
        Title("Spindle belt", "主轴皮带"),
        {
            "number": "CNC-BLT-3",
            "unit": "",
            "stock": "3",
            "minimum": "1",
            "unit_cost": "310.00",
            "place": "B-04",
            "supplier": "",
        },
    ),
)

RECORDS: dict[str, dict[str, Any]] = {
    "Press1": {"manufacturer": "Demo Presses", "type_name": "DP-2500", "serial_number": "DP2500-001", "built_in": 2015,
               "severity": 8, "occurrence": 5, "detection": 6},
    "Press2": {"manufacturer": "Demo Presses", "type_name": "DP-2500", "serial_number": "DP2500-002", "built_in": 2016,
               "severity": 8, "occurrence": 4, "detection": 5},
    "CNC1": {"manufacturer": "Demo Milling", "type_name": "DM-3", "serial_number": "DM3-101", "built_in": 2018,
             "severity": 5, "occurrence": 4, "detection": 4},
    "Furnace1": {"severity": 9, "occurrence": 3, "detection": 5, "type_name": "DF-900"},
    "Compressor1": {"severity": 7, "occurrence": 3, "detection": 3, "type_name": "DC-75"},
}  # fmt: skip


@dataclass(frozen=True)
class Past:
    """Work that is long done. With a reason the machine stood for it."""

    machine: str
    days_ago: float
    hours: float
    title: Title
    remedy: Title
    kind: str = "corrective"
    priority: str = "medium"
    minutes: int = 60
    external: int = 0
    reason: Title | None = None


_SERVICED = Title("As planned.", "按计划完成。")
PAST = (
    Past(
        "Press1",
        83,
        5.5,
        Title("Main bearing hot", "主轴承过热"),
        Title("Bearing replaced, lubrication line cleaned", "更换轴承，清洗润滑管路"),
        priority="urgent",
        minutes=420,
        external=1200,
        reason=DRIVE,
    ),
    Past(
        "Press2",
        71,
        1.5,
        Title("Clutch slips", "离合器打滑"),
        Title("Clearance adjusted", "调整间隙"),
        minutes=95,
        reason=DRIVE,
    ),
    Past(
        "CNC2",
        64,
        0.8,
        Title("Tool breakage, spindle stopped", "断刀，主轴停止"),
        Title("Tool changed", "更换刀具"),
        minutes=40,
        reason=TOOL,
    ),
    Past(
        "Compressor1",
        60,
        3.0,
        Title("2000 h service", "2000 小时保养"),
        _SERVICED,
        kind="preventive",
        minutes=180,
        external=350,
        reason=SERVICE,
    ),
    Past(
        "Press3",
        52,
        2.2,
        Title("Hydraulic leak at the cushion", "气垫液压渗漏"),
        Title("Seals replaced", "更换密封"),
        priority="high",
        minutes=150,
        reason=HYDRAULIC,
    ),
    Past(
        "CNC1",
        45,
        2.0,
        Title("Spindle run-out measured", "测量主轴跳动"),
        _SERVICED,
        kind="preventive",
        minutes=90,
    ),
    Past(
        "Press1",
        38,
        1.0,
        Title("Light curtain trips", "光幕误动作"),
        Title("Connector cleaned and fixed", "清洁并固定插头"),
        minutes=55,
        reason=ELECTRIC,
    ),
    Past(
        "Furnace1",
        33,
        4.0,
        Title("Burner service", "燃烧器保养"),
        _SERVICED,
        kind="preventive",
        minutes=240,
        external=800,
        reason=SERVICE,
    ),
    Past(
        "Press2",
        26,
        1.5,
        Title("Die clamps retightened", "复紧模具夹紧装置"),
        _SERVICED,
        kind="preventive",
        minutes=45,
    ),
    Past(
        "Press1",
        19,
        3.2,
        Title("Brake lining worn", "制动衬片磨损"),
        Title("Lining replaced", "更换衬片"),
        priority="high",
        minutes=210,
        external=0,
        reason=DRIVE,
    ),
    Past(
        "CNC3",
        12,
        0.6,
        Title("Coolant pump does not start", "切削液泵不启动"),
        Title("Motor protection reset, filter cleaned", "复位电机保护，清洗滤网"),
        minutes=35,
        reason=ELECTRIC,
    ),
    Past(
        "Compressor2",
        8,
        2.0,
        Title("Oil and filters changed", "更换机油和滤芯"),
        _SERVICED,
        kind="preventive",
        minutes=120,
        external=0,
    ),
    Past(
        "Press4",
        5,
        1.2,
        Title("Air pressure at the brake too low", "制动气压过低"),
        Title("Hose replaced", "更换气管"),
        priority="urgent",
        minutes=70,
        reason=HYDRAULIC,
    ),
)


@dataclass(frozen=True)
class Today:
    machine: str
    title: Title
    text: Title
    kind: str = "corrective"
    priority: str = "medium"
    steps: tuple[str, ...] = ()
    due_days: float | None = None


TODAY = (
    Today(
        "Press3",
        Title("Knocking noise at the ram", "滑块有敲击声"),
        Title("Since the last die change.", "上次换模后出现。"),
        priority="high",
    ),
    Today(
        "CNC2",
        Title("Door switch sticks", "门开关卡滞"),
        Title("Has to be closed twice.", "需关两次门。"),
        steps=("approved",),
        due_days=4,
    ),
    Today(
        "Furnace1",
        Title("Replace the door seal", "更换炉门密封"),
        Title("The seal is on its way.", "密封件已订购。"),
        kind="improvement",
        steps=("approved", "planned"),
        due_days=6,
    ),
    Today(
        "Press2",
        Title("Oil mist at the flywheel", "飞轮处有油雾"),
        Title("Seal ring suspected.", "怀疑密封环损坏。"),
        priority="high",
        steps=("approved", "in_progress"),
        due_days=-1,
    ),
    Today(
        "Compressor2",
        Title("Vibration sensor loose", "振动传感器松动"),
        Title("Cable strain relief is missing.", "缺少电缆固定。"),
        steps=("approved", "in_progress", "done"),
    ),
)


@dataclass(frozen=True)
class Stop:
    machine: str
    title: Title
    found: float | str
    facts: Mapping[str, Any] = field(default_factory=dict)
    note: Title | None = None


_PRESSURE = {"kind": "value", "unit": "bar", "low": 2.0, "high": 6.0}
STOPS = (
    Stop("Press1", Title("Lubrication pressure", "润滑压力"), 4.1, _PRESSURE),
    Stop("Press1", Title("Oil on the floor", "地面油迹"), "ok"),
    Stop("Press2", Title("Lubrication pressure", "润滑压力"), 3.8, _PRESSURE),
    Stop("Press4", Title("Air pressure of the brake", "制动气压"), 5.2, {**_PRESSURE, "low": 4.5}),
    Stop("CNC1", Title("Coolant level", "切削液液位"), "ok"),
    Stop(
        "CNC3",
        Title("Chip conveyor runs freely", "排屑器运转顺畅"),
        "not_ok",
        note=Title("Chips jam at the outlet", "出口处铁屑堵塞"),
    ),
    Stop("Furnace1", Title("Flame picture", "火焰形态"), "ok"),
    Stop("Compressor1", Title("Condensate drain", "冷凝水排放"), "ok"),
    Stop("Compressor2", Title("Oil level", "油位"), "ok"),
)
