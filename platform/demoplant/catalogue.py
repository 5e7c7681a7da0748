"""The plant: four presses, three CNC machines, a furnace, two compressors, and what each of them says.

Not here: the loops behind the signals (recorded, simulated), their way to Forgeline (opcua, devices, seed).
"""

from __future__ import annotations

from demoplant.model import MachineSpec, Title
from demoplant.points_cnc import cnc_points
from demoplant.points_press import press_points
from demoplant.points_utilities import compressor_points, furnace_points

SITE = Title("Demo works", "示范工厂")
ZONE = "Asia/Shanghai"

SHIFTS = (
    (Title("Early shift", "早班"), "06:00", "14:00"),
    (Title("Late shift", "中班"), "14:00", "22:00"),
    (Title("Night shift", "夜班"), "22:00", "06:00"),
)
"""Name, begin and end by the plant's clock, every day: the replayed weeks run round the clock."""

PRESS_SHOP = Title("Press shop", "冲压车间")
PRESS_LINE = Title("Press line", "冲压线")
MACHINE_SHOP = Title("Machine shop", "机加工车间")
CNC_CELL = Title("CNC cell", "CNC 单元")
HEAT_TREATMENT = Title("Heat treatment", "热处理车间")
FURNACE_LINE = Title("Furnace line", "炉线")
UTILITIES = Title("Utilities", "动力站")
COMPRESSOR_ROOM = Title("Compressor room", "空压机房")


def build_plant() -> tuple[MachineSpec, ...]:
    """Return every machine of the plant, in the order in which a person walks through it."""
    presses = tuple(
        MachineSpec(
            key=f"Press{n}",
            title=Title(f"Press {n}", f"{n} 号压力机"),
            profile="press",
            area=PRESS_SHOP,
            line=PRESS_LINE,
            points=press_points(n),
            via={},
            nameplate={"Manufacturer": "Demo Presses", "Model": "DP-2500", "SerialNumber": f"DP2500-00{n}",
                       "YearOfConstruction": str(2014 + n)},
        )
        for n in (1, 2, 3, 4)
    )  # fmt: skip
    mills = tuple(
        MachineSpec(
            key=f"CNC{n}",
            title=Title(f"CNC {n}", f"{n} 号加工中心"),
            profile="cnc",
            area=MACHINE_SHOP,
            line=CNC_CELL,
            points=cnc_points(n),
            via={},
            nameplate={"Manufacturer": "Demo Milling", "Model": "DM-3", "SerialNumber": f"DM3-10{n}",
                       "YearOfConstruction": "2018"},
        )
        for n in (1, 2, 3)
    )  # fmt: skip
    furnace = MachineSpec(
        key="Furnace1",
        title=Title("Furnace 1", "1 号炉"),
        profile="furnace",
        area=HEAT_TREATMENT,
        line=FURNACE_LINE,
        points=furnace_points(),
        via={
            "furnace-1-plc": ("state", "zone_temperature", "temperature_setpoint", "flue_temperature", "co", "nox"),
            "furnace-1-meter": (
                "power", "power_reactive", "power_factor", "energy", "energy_reactive", "load_type",
            ),
        },
    )  # fmt: skip
    compressors = tuple(
        MachineSpec(
            key=f"Compressor{n}",
            title=Title(f"Compressor {n}", f"{n} 号空压机"),
            profile="compressor",
            area=UTILITIES,
            line=COMPRESSOR_ROOM,
            points=compressor_points(n),
            via={
                f"compressor-{n}": (
                    "state", "load", "discharge_pressure", "discharge_temperature", "intake_temperature",
                    "intake_pressure", "humidity", "filter_pressure_drop", "power", "energy",
                ),
                f"compressor-{n}-vibration": ("vibration",),
            },
        )
        for n in (1, 2)
    )  # fmt: skip
    return (*presses, *mills, furnace, *compressors)
