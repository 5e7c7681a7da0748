"""All rules of a company as one table: which samples they need, and what becomes of them. Pure.

The live judge and the time machine both judge by this. Not here: which rules stand (plan), reading samples, what a
transition means to people (lifecycle).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forgeline.alarms.definitions import (
    MAX_SILENCE_S,
    AnyCondition,
    Definition,
    Deviation,
    Formula,
    Limit,
    Rate,
    Silence,
    StateIs,
)
from forgeline.alarms.judging import bands, silence
from forgeline.alarms.judging.columns import CHANGES, NEVER, ROWS, new_terms
from forgeline.alarms.judging.delays import settle
from forgeline.alarms.judging.expressions import Expression
from forgeline.alarms.judging.merging import Track, merge
from forgeline.alarms.judging.signals import Samples, note_seen, rows_of, to_membership, to_slopes
from forgeline.telemetry.queries import HOLD_INTERVALS

GRACE_US = 1_000_000
"""A rule over several points waits this long for the slowest of them."""
LAG_US = 2_000_000
"""What a point has not said this long ago it has not said: until then it may be on its way."""


@dataclass(frozen=True, slots=True)
class Input:
    """A point that a rule reads. ``interval_s``: how often it is expected to speak."""

    point_id: int
    interval_s: float

    @property
    def hold_us(self) -> int:
        return round(min(self.interval_s * HOLD_INTERVALS, MAX_SILENCE_S) * 1e6)


@dataclass(frozen=True, slots=True)
class Planned:
    """One rule on one machine, its points found."""

    asset_id: int
    key: str
    definition: Definition
    inputs: Mapping[str, Input]
    """By the names of the condition (``Condition.inputs``)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Merged:
    """A rule over several points."""

    rule: int
    inputs: tuple[Input, ...]
    expression: Expression | None
    """None: the first input less the second."""

    @property
    def hold_us(self) -> int:
        return max(each.hold_us for each in self.inputs)


class Book:
    """Rules by number, in the order given; ``standing`` (columns.STANDING) has a row for each, and is the caller's."""

    def __init__(self, rules: Sequence[Planned]) -> None:
        self.rules = tuple(rules)
        self.terms = new_terms(len(rules))
        self._merged: list[_Merged] = []
        singles: list[tuple[int, int]] = []
        codes: list[tuple[int, int]] = []
        self._base = np.zeros(len(rules))
        """What is taken off the value: the setpoint of a deviation from a number."""
        self._is_slope = np.zeros(len(rules), np.bool_)
        for number, planned in enumerate(rules):
            self._enter(number, planned, singles, codes)
        table = np.array(singles, np.int64).reshape(-1, 2)
        self._rule, self._point = table[:, 0].astype(np.int32), table[:, 1].astype(np.int32)
        table = np.array(codes, np.int64).reshape(-1, 2)
        self._code_rule, self._code = table[:, 0].astype(np.int32), table[:, 1]
        self._is_coded = np.zeros(len(rules), np.bool_)
        self._is_coded[self._code_rule] = True
        self._is_silence = self.terms["silent_us"] > 0
        merged = [
            (each.rule, source.point_id, each.hold_us) for each in self._merged for source in each.inputs
        ]
        table = np.array(merged, np.int64).reshape(-1, 3)
        self._every_rule = np.concatenate([self._rule, table[:, 0].astype(np.int32)])
        self._every_point = np.concatenate([self._point, table[:, 1].astype(np.int32)])
        self._every_back = np.concatenate([np.zeros(len(self._rule), np.int64), table[:, 2]])
        """How far behind a rule's last look its samples begin to matter."""
        self._merged_rules = np.array([each.rule for each in self._merged], np.int64)
        self._rule_points = np.full(len(rules), -1, np.int32)
        """The point of each rule that reads one only."""
        self._rule_points[self._rule] = self._point

    def _enter(
        self, number: int, planned: Planned, singles: list[tuple[int, int]], codes: list[tuple[int, int]]
    ) -> None:
        condition: AnyCondition = planned.definition.condition
        terms = self.terms[number : number + 1]
        terms["on_delay_us"] = round(planned.definition.on_delay_s * 1e6)
        terms["off_delay_us"] = round(planned.definition.off_delay_s * 1e6)
        inputs = tuple(planned.inputs[name] for name in condition.inputs)
        terms["hold_us"] = max(each.hold_us for each in inputs)
        match condition:
            case Limit():
                terms["high" if condition.level.is_upper else "low"] = condition.limit
                terms["deadband"] = condition.deadband
            case Deviation():
                terms["high"] = np.inf if condition.above is None else condition.above
                terms["low"] = -np.inf if condition.below is None else -condition.below
                terms["deadband"] = condition.deadband
                if isinstance(condition.setpoint, str):
                    self._merged.append(_Merged(number, inputs, None))
                    return
                self._base[number] = condition.setpoint
            case Rate():
                terms["high"] = np.inf if condition.rise_per_min is None else condition.rise_per_min
                terms["low"] = -np.inf if condition.fall_per_min is None else -condition.fall_per_min
                terms["deadband"] = condition.deadband
                self._is_slope[number] = True
            case StateIs():
                terms["high"] = 0.5
                codes += [(number, code) for code in condition.codes]
            case Silence():
                after_us = round(min(condition.after_s, MAX_SILENCE_S) * 1e6)
                terms["silent_us"] = after_us or inputs[0].hold_us
            case Formula():
                terms["high"] = 0.5
                expression = Expression(condition.expression)
                named = tuple(planned.inputs[name] for name in expression.names)
                self._merged.append(_Merged(number, named, expression))
                return
        singles.append((number, inputs[0].point_id))

    def __len__(self) -> int:
        return len(self.rules)

    @property
    def point_ids(self) -> NDArray[np.int32]:
        """Every point that a rule reads, ascending."""
        return np.unique(self._every_point)

    def begin(
        self,
        standing: NDArray[np.void],
        *,
        points: NDArray[np.int32],
        ts_us: NDArray[np.int64],
        value: NDArray[np.float64],
        is_new: NDArray[np.bool_],
        sure_us: int,
        now_us: int,
    ) -> None:
        """Say from when on each rule looks at samples, in place; ``points``, ``ts_us``, ``value`` are their last ones.

        A rule that ``is_new`` looks at its point's last value, if that still holds; another goes on behind what is
        certain: all before ``sure_us`` has been judged. Silence is counted from the last value.
        """
        order = np.argsort(points)
        points, ts_us, value = points[order], ts_us[order], value[order]
        at = np.searchsorted(points, self._rule_points)
        known = (at < len(points)) & (self._rule_points >= 0)
        known[known] = points[at[known]] == self._rule_points[known]
        last_us, last = np.full(len(self), NEVER), np.full(len(self), np.nan)
        last_us[known], last[known] = ts_us[at[known]], value[at[known]]
        # A value that has ceased to hold says nothing of now, and what no single point says begins now.
        holds = known & (last_us + self.terms["hold_us"] >= now_us)
        seen_us = np.where(
            is_new, np.where(holds, last_us - 1, last_us), np.maximum(last_us - 1, standing["since_us"])
        )
        seen_us = np.where(self._is_silence | (is_new & ~holds), last_us, seen_us)
        merged = np.zeros(len(self), np.bool_)
        merged[self._merged_rules] = True
        sure = np.maximum(standing["since_us"], sure_us)
        seen_us = np.where(merged, np.where(is_new, now_us - self.terms["hold_us"], sure), seen_us)
        standing["seen"] = np.where(seen_us == last_us, last, np.nan)
        standing["seen_us"] = seen_us
        # What claims to come from the future (a clock was put back since) must not hide what comes until then.
        for name in ("seen_us", "since_us", "changed_us"):
            standing[name] = np.where(standing[name] > now_us, min(sure_us, now_us), standing[name])
        # A longer patience takes back a silence that has not lasted so long.
        patient = self._is_silence & is_new & (last_us + self.terms["silent_us"] > now_us)
        standing["is_out"] &= ~patient

    def list_readers(self, point_ids: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return which rules read one of the points."""
        reads = np.zeros(len(self), np.bool_)
        reads[self._every_rule[np.isin(self._every_point, point_ids)]] = True
        return reads

    def list_needs(
        self, standing: NDArray[np.void], spoken: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return (points, after_us): of which points samples after which time are needed once ``spoken`` have news.

        A rule over several points needs all of them, some way back: what holds on is a part of what it says.
        """
        touched = np.isin(self._every_point, spoken)
        merged = self._every_back > 0
        wanted = touched | (merged & np.isin(self._every_rule, self._every_rule[touched & merged]))
        rule, point = self._every_rule[wanted], self._every_point[wanted]
        seen_us = standing["seen_us"][rule]
        after_us = np.where(seen_us == NEVER, NEVER, seen_us - self._every_back[wanted])
        order = np.lexsort((after_us, point))
        point, after_us = point[order], after_us[order]
        first = np.ones(len(point), np.bool_)
        first[1:] = point[1:] != point[:-1]
        return point[first], after_us[first]

    def next_due_us(self, standing: NDArray[np.void]) -> int:
        """Return when something happens though nothing is said: a silence begins, a delay is over. NEVER: nothing."""
        delay = np.where(standing["is_out"], self.terms["on_delay_us"], self.terms["off_delay_us"])
        waits = standing["is_out"] != standing["is_active"]
        falls_silent = self._is_silence & ~standing["is_out"] & (standing["seen_us"] != NEVER)
        due = np.concatenate(
            [
                (standing["since_us"] + delay)[waits],
                (standing["seen_us"] + self.terms["silent_us"])[falls_silent],
            ]
        )
        return int(due.min()) if len(due) else NEVER

    def judge(
        self,
        samples: Samples,
        standing: NDArray[np.void],
        *,
        now_us: int,
        silence_until_us: NDArray[np.int64] | None = None,
    ) -> NDArray[np.void]:
        """Judge what is new in ``samples`` (good ones, by point and time) and bring ``standing`` up to it, in place.

        Returns columns.TRANSITIONS by rule and time. Samples that a rule has seen are passed over, so that giving
        some twice, or in pieces, changes nothing. ``silence_until_us``, a time a rule: up to when what has not come
        did not come; by default LAG_US ago.
        """
        until_us = np.full(len(self), now_us - LAG_US) if silence_until_us is None else silence_until_us
        rows = rows_of(self._rule, self._point, samples, standing)
        changes = [self._single_changes(rows, standing, until_us)]
        changes += [self._merged_changes(each, samples, standing, now_us) for each in self._touched(samples)]
        note_seen(rows, standing)
        every = np.concatenate(changes) if changes else np.zeros(0, CHANGES)
        every = every[np.lexsort((every["ts_us"], every["rule"]))]
        seen_us, hold_us = standing["seen_us"], self.terms["hold_us"]
        known = np.maximum(seen_us, np.minimum(now_us - LAG_US, seen_us + hold_us))
        known[self._is_silence] = np.maximum(until_us, seen_us)[self._is_silence]
        return settle(every, self.terms, standing, known_until_us=known)

    def _single_changes(
        self, rows: NDArray[np.void], standing: NDArray[np.void], until_us: NDArray[np.int64]
    ) -> NDArray[np.void]:
        is_silence = self._is_silence[rows["rule"]]
        signals = rows[~is_silence]
        signals["signal"] -= self._base[signals["rule"]]
        coded = self._is_coded[signals["rule"]]
        if coded.any():
            signals[coded] = to_membership(signals[coded], self._code_rule, self._code)
        sloped = self._is_slope[signals["rule"]]
        if sloped.any():
            signals[sloped] = to_slopes(signals[sloped], self.terms, standing)
        found = bands.find_changes(signals, self.terms, standing)
        if self._is_silence.any():
            silent = silence.find_changes(rows[is_silence], self.terms, standing, until_us=until_us)
            found = np.concatenate([found, silent])
        return found

    def _touched(self, samples: Samples) -> list[_Merged]:
        """Rules over several points of which one has samples."""
        if not self._merged or not len(samples.point_id):
            return []
        spoken = set(np.unique(samples.point_id).tolist())
        return [each for each in self._merged if any(source.point_id in spoken for source in each.inputs)]

    def _merged_changes(
        self, merged: _Merged, samples: Samples, standing: NDArray[np.void], now_us: int
    ) -> NDArray[np.void]:
        tracks = [_track(source, samples) for source in merged.inputs]
        until_us = min(
            max(int(track.ts_us[-1]) if len(track.ts_us) else NEVER, now_us - GRACE_US) for track in tracks
        )
        rule = merged.rule
        instants, values = merge(tracks, after_us=int(standing["seen_us"][rule]), until_us=until_us)
        if not len(instants):
            return np.zeros(0, CHANGES)
        rows = np.zeros(len(instants), ROWS)
        rows["rule"], rows["ts_us"] = rule, instants
        if merged.expression is None:
            rows["signal"] = values[0] - values[1]
        else:
            named = dict(zip(merged.expression.names, values, strict=True))
            rows["signal"] = merged.expression.judge(named)
        changes = bands.find_changes(rows, self.terms, standing)
        standing["seen_us"][rule] = instants[-1]
        return changes


def _track(source: Input, samples: Samples) -> Track:
    start, end = np.searchsorted(samples.point_id, [source.point_id, source.point_id + 1])
    return Track(samples.ts_us[start:end], samples.value[start:end], source.hold_us)
