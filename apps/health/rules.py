"""Which steps of a work order are legal, how a line of a checklist is judged, how grave a machine's failure is. Pure.

Not here: who does it and what is written (services), figures over time (calc).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

VIEW, REQUEST, WORK, PLAN, MANAGE = (
    "health.view", "health.request", "health.work", "health.plan", "health.manage",
)  # fmt: skip

STEPS: Mapping[str, Mapping[str, str]] = {
    "requested": {"approved": PLAN, "rejected": PLAN, "cancelled": PLAN},
    "approved": {"planned": PLAN, "in_progress": WORK, "cancelled": PLAN},
    "planned": {"in_progress": WORK, "approved": PLAN, "cancelled": PLAN},
    "in_progress": {"done": WORK, "planned": WORK, "cancelled": PLAN},
    "done": {"verified": PLAN, "in_progress": PLAN},
    "verified": {},
    "rejected": {},
    "cancelled": {},
}
"""State → what may follow it → the permission that it takes. **Source** EN 13306:2017 §7; the check by a second person
(verified) is good practice of ISO 55001 §9.1 and of 点检定修."""

OPEN = ("requested", "approved", "planned", "in_progress")
"""Work that somebody still has to do."""
FINISHED = ("done", "verified")
PLANNED_KINDS = ("preventive", "condition", "inspection", "improvement")
CORRECTIVE = "corrective"
MOST_LINES = 60


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a checklist: to be looked at, or measured within limits."""

    text: str
    kind: str = "check"
    unit: str = ""
    low: float | None = None
    high: float | None = None
    opens_follow_up: bool = False


def read_lines(raw: Any) -> tuple[list[Line], list[tuple[int, str]]]:
    """Return the lines of a checklist and its faults as (number of the line, what is wrong); 0 is the whole."""
    if not isinstance(raw, Sequence) or isinstance(raw, str | bytes):
        return [], [(0, "no_list")]
    if len(raw) > MOST_LINES:
        return [], [(0, "too_long")]
    lines: list[Line] = []
    faults: list[tuple[int, str]] = []
    for number, each in enumerate(raw, 1):
        try:
            line = msgspec.convert(each, Line)
        except msgspec.ValidationError:
            faults.append((number, "shape"))
            continue
        if fault := _fault_of(line):
            faults.append((number, fault))
        lines.append(line)
    return lines, faults


def _fault_of(line: Line) -> str:
    words = line.text + line.unit
    if not line.text.strip() or len(line.text) > 300 or "\x00" in words:
        return "text"
    if line.kind not in ("check", "value"):
        return "kind"
    if len(line.unit) > 20:
        return "unit"
    bounds = [bound for bound in (line.low, line.high) if bound is not None]
    if line.kind == "check" and bounds:
        return "limits_of_check"
    if any(not abs(bound) <= 1e15 for bound in bounds) or sorted(bounds) != bounds:
        return "limits"
    return ""


def judge_value(value: float, low: float | None, high: float | None) -> str:
    """Return ``ok`` for a value within its limits, both of them inclusive, else ``not_ok``."""
    is_within = (low is None or value >= low) and (high is None or value <= high)
    return "ok" if is_within else "not_ok"


def risk_number(severity: int | None, occurrence: int | None, detection: int | None) -> int | None:
    """Return severity × occurrence × detection (1 to 1000), None where one is not scored.

    **Source** IEC 60812:2018, annex B: the risk priority number, each of 1 to 10.
    """
    if severity is None or occurrence is None or detection is None:
        return None
    return severity * occurrence * detection


def grade(number: int | None) -> str:
    """Return A, B or C of a risk number, '' without one: A from 200 on, B from 80 on (the bounds are ours)."""
    if number is None:
        return ""
    return "A" if number >= 200 else "B" if number >= 80 else "C"
