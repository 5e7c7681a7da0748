"""What nobody recorded: a press's week by PackML, CNC part counts and states, a compressor's loading. Pure, seeded.

Not here: noise on top (signals). Every point made from this is labelled as simulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from random import Random

import numpy as np

from demoplant.loop import Loop, Shape
from demoplant.recorded import CNC_STEP_MS, PART_CHANGE_MS, cnc, cnc_spans

WEEK_MS = 7 * 86_400_000


class PackML(IntEnum):
    """States of OPC 30050 PackML (OMAC, ISA-TR88.00.02), with their StateNumber in the companion model."""

    CLEARING = 1
    STOPPED = 2
    STARTING = 3
    IDLE = 4
    SUSPENDED = 5
    EXECUTE = 6
    STOPPING = 7
    ABORTING = 8
    ABORTED = 9
    HOLDING = 10
    HELD = 11
    UNHOLDING = 12
    SUSPENDING = 13
    UNSUSPENDING = 14
    RESETTING = 15
    COMPLETING = 16
    COMPLETE = 17


class UnitMode(IntEnum):
    """Unit modes of ISA-TR88.00.02."""

    PRODUCTION = 1
    MAINTENANCE = 2
    MANUAL = 3


class ItemState(IntEnum):
    """MachineryItemState of OPC 40001-1, with its StateNumber."""

    NOT_AVAILABLE = 0
    OUT_OF_SERVICE = 1
    NOT_EXECUTING = 2
    EXECUTING = 3


class OperationMode(IntEnum):
    """MachineryOperationMode of OPC 40001-1, with its StateNumber."""

    NONE = 0
    MAINTENANCE = 1
    SETUP = 2
    PROCESSING = 3


@dataclass(frozen=True, eq=False)
class PressWeek:
    """A week of one press: states, mode, speed, power, pieces and scrap, as loops of one week."""

    state: Loop
    mode: Loop
    speed: Loop
    power_kw: Loop
    pieces: Loop
    scrap: Loop


_STOP = (  # what ends a run, how often, and the states it leads through with their seconds (from, until)
    (0.50, UnitMode.PRODUCTION, ((PackML.SUSPENDING, 2, 3), (PackML.SUSPENDED, 40, 240), (PackML.UNSUSPENDING, 2, 3))),
    (0.22, UnitMode.PRODUCTION, ((PackML.HOLDING, 2, 4), (PackML.HELD, 180, 900), (PackML.UNHOLDING, 2, 4))),
    (0.16, UnitMode.PRODUCTION, (
        (PackML.ABORTING, 1, 2), (PackML.ABORTED, 120, 1500), (PackML.CLEARING, 10, 30), (PackML.STOPPED, 20, 60),
        (PackML.RESETTING, 10, 20), (PackML.IDLE, 10, 40), (PackML.STARTING, 4, 6))),
    (0.12, UnitMode.MANUAL, (
        (PackML.COMPLETING, 4, 8), (PackML.COMPLETE, 600, 1500), (PackML.RESETTING, 10, 20), (PackML.IDLE, 20, 90),
        (PackML.STARTING, 4, 6))),
)  # fmt: skip
_MAINTENANCE = ((PackML.STOPPING, 5, 8), (PackML.STOPPED, 5400, 9000), (PackML.RESETTING, 10, 20),
                (PackML.IDLE, 30, 90), (PackML.STARTING, 4, 6))  # fmt: skip

_POWER_KW = {PackML.EXECUTE: 1.0, PackML.STOPPED: 0.02, PackML.ABORTED: 0.05, PackML.COMPLETE: 0.12}
_POWER_STANDING = 0.22
"""Share of the full power that a press takes in any other state: hydraulics and flywheel run on."""


@cache
def press_week(seed: int, strokes_per_min: float, power_kw: float, scrap_share: float) -> PressWeek:
    """Return the week of a press: runs of 10 to 50 minutes, and between them what stops a press in real life."""
    random = Random(seed)
    spans: list[tuple[int, PackML, UnitMode]] = []
    maintenance_at = random.randint(1, 5) * 86_400_000 + random.randint(7, 14) * 3_600_000
    maintained = False
    at = 0
    while at < WEEK_MS:
        spans.append((at, PackML.EXECUTE, UnitMode.PRODUCTION))
        at += random.randint(600, 3000) * 1000
        if not maintained and at > maintenance_at:
            maintained = True
            mode, steps = UnitMode.MAINTENANCE, _MAINTENANCE
        else:
            _share, mode, steps = random.choices(_STOP, weights=[stop[0] for stop in _STOP])[0]
        for state, low, high in steps:
            spans.append((at, state, mode))
            at += random.randint(low, high) * 1000
    spans = [span for span in spans if span[0] < WEEK_MS]
    times = np.array([span[0] for span in spans], dtype=np.int64)
    states = np.array([float(span[1]) for span in spans])
    running = states == PackML.EXECUTE
    lengths = np.diff(np.append(times, WEEK_MS))
    made = np.where(running, np.floor(lengths / 60_000.0 * strokes_per_min), 0.0)
    power = np.array([_POWER_KW.get(span[1], _POWER_STANDING) * power_kw for span in spans])
    return PressWeek(
        state=Loop(times, states, WEEK_MS, Shape.STEP),
        mode=Loop(times, np.array([float(span[2]) for span in spans]), WEEK_MS, Shape.STEP),
        speed=Loop(times, np.where(running, strokes_per_min, 0.0), WEEK_MS, Shape.STEP),
        power_kw=Loop(times, power, WEEK_MS, Shape.STEP),
        pieces=Loop(times, np.cumsum(made) - made, WEEK_MS, Shape.TOTAL, gain=float(made.sum())),
        scrap=_scrap(random, times[running], lengths[running], strokes_per_min, scrap_share),
    )


def _scrap(
    random: Random, starts: np.ndarray, lengths: np.ndarray, strokes_per_min: float, share: float
) -> Loop:
    """Return the running count of scrap: the first piece after each start, and then one in a while."""
    events: set[int] = set()
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        at = start + 60_000.0 / strokes_per_min
        while at < start + length:
            events.add(int(at))
            at += random.expovariate(share * strokes_per_min / 60_000.0)
    # Each piece is a short ramp from n to n + 1, so that its whole count steps at the event.
    times = np.array(sorted(events), dtype=np.int64)
    times = times[np.append(True, np.diff(times) > 2)]
    count = np.arange(len(times), dtype=np.float64)
    ramps = np.stack([times - 1, times], axis=1).ravel()
    return Loop(
        ramps, np.stack([count, count + 1.0], axis=1).ravel(), WEEK_MS, Shape.TOTAL, gain=float(len(times))
    )


@dataclass(frozen=True, eq=False)
class CncRound:
    """One round of a CNC machine over the milling recordings: states, mode and parts."""

    state: Loop
    mode: Loop
    parts: Loop


@cache
def cnc_round(breaks_down: bool) -> CncRound:
    """Return states and parts that fit the recordings: a part is counted when its recording ends.

    ``breaks_down`` takes the machine out of service for four of the seven minutes after the last part.
    """
    period = cnc("Machining_Process").period_ms
    spans = cnc_spans()
    rows: list[tuple[int, ItemState, OperationMode]] = []
    for start, end in spans:
        rows.append((start, ItemState.EXECUTING, OperationMode.PROCESSING))
        rows.append((end, ItemState.NOT_EXECUTING, OperationMode.PROCESSING))
    last = spans[-1][1] + PART_CHANGE_MS
    if breaks_down:
        rows.append((last, ItemState.OUT_OF_SERVICE, OperationMode.MAINTENANCE))
        rows.append((last + 240_000, ItemState.NOT_EXECUTING, OperationMode.SETUP))
    else:
        rows.append((last, ItemState.NOT_EXECUTING, OperationMode.SETUP))
    times = np.array([row[0] for row in rows], dtype=np.int64)
    ends = np.array([end for _start, end in spans], dtype=np.int64)
    count = np.arange(len(ends), dtype=np.float64)
    ramps = np.stack([ends - CNC_STEP_MS, ends], axis=1).ravel()
    return CncRound(
        state=Loop(times, np.array([float(row[1]) for row in rows]), period, Shape.STEP),
        mode=Loop(times, np.array([float(row[2]) for row in rows]), period, Shape.STEP),
        parts=Loop(
            ramps, np.stack([count, count + 1.0], axis=1).ravel(), period, Shape.TOTAL, gain=float(len(ends))
        ),
    )


@dataclass(frozen=True, eq=False)
class CompressorDay:
    """A day of a compressor: 0 off, 1 unloaded, 2 loaded; its load and power."""

    state: Loop
    load: Loop
    power_kw: Loop


@cache
def compressor_day(seed: int, power_kw: float, hours_on: tuple[int, int]) -> CompressorDay:
    """Return a day by local time: loaded and unloaded in turns while on, off outside ``hours_on``."""
    random = Random(seed)
    times: list[int] = []
    states: list[float] = []
    load: list[float] = []
    if hours_on[0] > 0:
        times, states, load = [0], [0.0], [0.0]
    at = hours_on[0] * 3_600_000
    end = hours_on[1] * 3_600_000
    loaded = True
    while at < end:
        times.append(at)
        states.append(2.0 if loaded else 1.0)
        load.append(random.uniform(62.0, 96.0) if loaded else 0.0)
        at += random.randint(120, 900) * 1000 if loaded else random.randint(30, 180) * 1000
        loaded = not loaded
    if end < 86_400_000:
        times.append(end)
        states.append(0.0)
        load.append(0.0)
    state = np.array(states)
    # A screw compressor takes about a quarter of its power unloaded (US DOE Compressed Air Sourcebook, 2003, 2.5).
    power = (
        np.where(state == 2.0, 0.25 + 0.75 * np.array(load) / 100.0, np.where(state == 1.0, 0.25, 0.0))
        * power_kw
    )
    at_ms = np.array(times, dtype=np.int64)
    return CompressorDay(
        state=Loop(at_ms, state, 86_400_000, Shape.STEP),
        load=Loop(at_ms, np.array(load), 86_400_000, Shape.STEP),
        power_kw=Loop(at_ms, power, 86_400_000, Shape.STEP),
    )
