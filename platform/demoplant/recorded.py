"""The recordings as loops, read once from ``recordings/`` (sources and licences: ``recordings/NOTICE.md``).

Not here: what is simulated (simulated), which point plays which loop (catalogue).
"""

from __future__ import annotations

import csv
import gzip
from functools import cache
from pathlib import Path

import numpy as np

from demoplant.loop import Loop, Shape, Values, evenly

FOLDER = Path(__file__).parent / "recordings"

QUARTER_HOUR_MS = 900_000
FIVE_MINUTES_MS = 300_000
HOUR_MS = 3_600_000
CNC_STEP_MS = 100

LOAD_TYPES = {"Light_Load": 1.0, "Medium_Load": 2.0, "Maximum_Load": 3.0}

STEPS = {
    "starting": 1.0, "prep": 2.0, "layer 1 up": 3.0, "layer 1 down": 4.0, "layer 2 up": 5.0, "layer 2 down": 6.0,
    "layer 3 up": 7.0, "layer 3 down": 8.0, "repositioning": 9.0, "end": 10.0,
}  # fmt: skip
"""Codes of the milling steps that the recording names."""

CNC_EXPERIMENTS = ("01", "02", "06", "08", "11", "15")
PART_CHANGE_MS = 20_000
"""Between two recordings the operator changes the part; nothing was recorded then, so it stays a gap."""
SET_UP_MS = 420_000
"""After the six parts the machine is set up for the next batch."""


@cache
def _table(name: str) -> dict[str, list[str]]:
    with gzip.open(FOLDER / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    return {title: [row[k] for row in rows[1:]] for k, title in enumerate(rows[0])}


def _numbers(name: str, column: str) -> Values:
    return np.array([float(cell) if cell else np.nan for cell in _table(name)[column]])


@cache
def steel(column: str) -> Loop:
    """Return eight weeks of a steel works' meter, quarter-hour steps from a Monday 00:00 on.

    **Units** energies become mean powers: kWh per quarter-hour times 4 is kW, kvarh times 4 is kvar.
    """
    if column == "Load_Type":
        values = np.array([LOAD_TYPES[cell] for cell in _table("steel_energy")[column]])
    else:
        values = _numbers("steel_energy", column)
        if column != "Lagging_Current_Power_Factor":
            values = values * 4.0
    return evenly(values, QUARTER_HOUR_MS, Shape.STEP)


@cache
def machine_temperature() -> Loop:
    """Return eleven weeks of a temperature inside a large machine, every five minutes, two failures included."""
    return evenly(_numbers("machine_temperature", "value"), FIVE_MINUTES_MS, Shape.LINEAR)


@cache
def gas_turbine(column: str) -> Loop:
    """Return eight weeks of hourly means of a gas turbine."""
    return evenly(_numbers("gas_turbine", column), HOUR_MS, Shape.LINEAR)


@cache
def cnc(column: str) -> Loop:
    """Return six milling recordings (100 ms) one after another, part changes and a set-up between them.

    **Gaps** the part changes and the set-up are gaps in what was measured; the step (``Machining_Process``) is then 0.
    """
    shape = Shape.STEP
    times: list[np.ndarray] = []
    values: list[Values] = []
    at = 0
    for experiment in CNC_EXPERIMENTS:
        name = f"cnc_mill_{experiment}"
        if column == "Machining_Process":
            part = np.array([STEPS[cell.lower()] for cell in _table(name)[column]])
            pause = 0.0
        else:
            part = _numbers(name, column)
            pause = np.nan
        times.append(at + np.arange(len(part) + 1, dtype=np.int64) * CNC_STEP_MS)
        values.append(np.append(part, pause))
        at += len(part) * CNC_STEP_MS + PART_CHANGE_MS
    return Loop(np.concatenate(times), np.concatenate(values), at + SET_UP_MS, shape)


@cache
def cnc_spans() -> tuple[tuple[int, int], ...]:
    """Return start and end of each milling recording within the loop, in milliseconds."""
    spans = []
    at = 0
    for experiment in CNC_EXPERIMENTS:
        length = len(_table(f"cnc_mill_{experiment}")["Machining_Process"]) * CNC_STEP_MS
        spans.append((at, at + length))
        at += length + PART_CHANGE_MS
    return tuple(spans)
