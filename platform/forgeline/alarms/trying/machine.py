"""A rule tried on one machine over its stored samples, a piece at a time, so that memory stays small and a worker that
dies loses little.

First the rule and the one that stands there now are walked side by side. Where the new one fires too often, a
deadband and a delay are chosen where it is busiest and walked over the whole span too.
Not here: reading samples (feeding), rows (jobs), sentences (wording).
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from forgeline.alarms.definitions import dump, parse
from forgeline.alarms.judging.book import Planned
from forgeline.alarms.trying import feeding, findings, wording
from forgeline.alarms.trying.calming import choose, propose, size_of
from forgeline.alarms.trying.findings import DAY_US, Found
from forgeline.alarms.trying.masks import read_mask
from forgeline.alarms.trying.spans import Pieces, total_us
from forgeline.alarms.trying.subjects import Subject
from forgeline.alarms.trying.walk import Walk
from forgeline.alarms.wording import read_names
from forgeline.assets.queries import read_calendar


class MachineTrial:
    """Walks when ``step`` is called, in the tenant's scope; knows how far it is; can be kept and taken up again."""

    def __init__(self, subject: Subject, from_us: int, to_us: int) -> None:
        assert subject.new is not None
        self._subject, self._new = subject, subject.new
        self.from_us, self.to_us = from_us, to_us
        self._walk = Walk([subject.new, *([subject.current] if subject.current else [])], from_us)
        self._piece_us = feeding.piece_us(self._walk.book.rules)
        self._is_begun = False
        self._masks: dict[Any, Pieces] = {}
        self._calm: Walk | None = None
        self._calms: list[tuple[str, Planned]] | None = None
        """What was changed, and the rule so changed; None as long as nothing is chosen."""

    @property
    def is_done(self) -> bool:
        return self._calms is not None and (self._calm is None or self._calm.until_us >= self.to_us)

    @property
    def progress(self) -> float:
        """How far it is, from 0 to 1."""
        span_us = self.to_us - self.from_us
        walked = (self._walk.until_us - self.from_us) / span_us
        if self._calms is None:
            return walked / 2
        return 1.0 if self._calm is None else 0.5 + (self._calm.until_us - self.from_us) / span_us / 2

    def step(self) -> None:
        """Do the next piece of work: a day or less of samples, or choosing what would calm the rule."""
        if not self._is_begun:
            feeding.begin(self._walk)
            self._is_begun = True
        if self._walk.until_us < self.to_us:
            self._go_on(self._walk)
        elif self._calms is None:
            self._calms = self._choose()
            if self._calms:
                self._calm = Walk([planned for _what, planned in self._calms], self.from_us)
                feeding.begin(self._calm)
        elif self._calm is not None:
            self._go_on(self._calm)

    # --- walking ---

    def _go_on(self, walk: Walk) -> None:
        feeding.feed(walk, min(walk.until_us + self._piece_us, self.to_us))

    def _choose(self) -> list[tuple[str, Planned]]:
        """Choose what would calm the rule by trying a few sizes where it is busiest."""
        found = self._found(self._new, self._walk.spans(0))
        if not findings.is_noisy(found, self._days):
            return []
        number = (found.told["begin_us"] - self.from_us) // self._piece_us
        busiest_us = self.from_us + int(np.bincount(number).argmax()) * self._piece_us
        until_us = min(busiest_us + self._piece_us, self.to_us)
        points = self._walk.book.point_ids.tolist()
        samples = feeding.read_good(points, busiest_us, until_us)
        candidates = propose(self._new, samples)
        walk = Walk([self._new, *(each for some in candidates.values() for each in some)], busiest_us)
        feeding.begin(walk)
        walk.step(samples, until_us)
        left = [len(self._found(planned, walk.spans(n)).told) for n, planned in enumerate(walk.book.rules)]
        fired, at, chosen = left[0], 1, []
        for what, some in candidates.items():
            one = choose(some, left[at : at + len(some)], fired)
            at += len(some)
            if one is not None:
                chosen.append((what, one))
        return chosen

    # --- what is found ---

    @property
    def _days(self) -> float:
        return (self.to_us - self.from_us) / DAY_US

    def _found(self, planned: Planned, spans: Any) -> Found:
        said = planned.definition
        key = said.quiet_states, said.quiet_under, said.only_in_shifts
        if key not in self._masks:
            self._masks[key] = read_mask(said, self._subject.asset, self.from_us, self.to_us)
        return Found(spans, self._masks[key])

    def result(self, *, most_listed: int = findings.MOST_LISTED) -> dict[str, Any]:
        """Return all that was found as JSON-like data, with sentences in the language in force."""
        asset, current = self._subject.asset, self._subject.current
        calendar = read_calendar(asset.site)
        new = self._found(self._new, self._walk.spans(0))
        old = self._found(current or self._new, self._walk.spans(1 if current else 0))
        if current is None:
            old = Found(old.spans[:0], old.mask)
        gone = old.told[findings.is_alone(old, new)]
        is_added = np.zeros(len(new.spans), np.bool_)
        is_added[~new.is_suppressed] = findings.is_alone(new, old)
        rows = findings.list_spans(new.spans, is_added, "is_added", self.from_us, most=most_listed)
        for row, is_suppressed in zip(rows, new.is_suppressed.tolist(), strict=False):
            row["is_suppressed"] = is_suppressed
        found: dict[str, Any] = {
            "asset": asset.pk, "asset_name": asset.title, "reason": None, "points": self._coverage(),
            "new": findings.tally(new, calendar, self.from_us, self.to_us),
            "current": findings.tally(old, calendar, self.from_us, self.to_us) if current else None,
            "change": findings.compare(new, old),
            "is_noisy": findings.is_noisy(new, self._days),
            "alarms": rows,
            "gone": findings.list_spans(
                gone, np.ones(len(gone), np.bool_), "is_removed", self.from_us, most=most_listed
            ),
            "calmer": self._calmer(),
        }  # fmt: skip
        found["sentences"] = wording.list_sentences(found, days=self._days, definition=self._new.definition)
        return found

    def _calmer(self) -> list[dict[str, Any]]:
        if self._calm is None:
            return []
        rows = []
        for number, (what, planned) in enumerate(self._calms or []):
            found = self._found(planned, self._calm.spans(number))
            rows.append(
                {
                    "what": what, "size": size_of(planned, what), "alarms": len(found.told),
                    "minutes": round(total_us(found.heard) / 6e7, 2),
                    "definition": dump(planned.definition),
                }
            )  # fmt: skip
        return rows

    def _coverage(self) -> list[dict[str, Any]]:
        """How much of the span each point of the rule has told, by the words the rule names them with."""
        held_us = dict(zip(self._walk.book.point_ids.tolist(), self._walk.held_us.tolist(), strict=True))
        asset_id = self._subject.asset.pk
        name_of = read_names([(asset_id, self._new.definition)]).of(asset_id)
        return [
            {
                "point": word,
                "name": name_of(word).title,
                "point_id": self._new.inputs[name].point_id,
                "coverage": held_us[self._new.inputs[name].point_id] / (self.to_us - self.from_us),
            }
            for name, word in sorted(self._new.definition.condition.inputs.items())
        ]

    # --- keeping ---

    def keep(self) -> bytes:
        """Return where the trial stands; ``take_up`` goes on from there."""
        arrays = {f"walk_{name}": array for name, array in self._walk.dump().items()}
        if self._calm is not None:
            arrays |= {f"calm_{name}": array for name, array in self._calm.dump().items()}
        note = {
            "rules": _signature(self._walk.book.rules),
            "calms": None if self._calms is None else [[what, dump(p.definition)] for what, p in self._calms],
        }
        arrays["note"] = np.frombuffer(json.dumps(note).encode(), np.uint8)
        stream = io.BytesIO()
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
        return stream.getvalue()

    def take_up(self, kept: bytes) -> None:
        """Go on where ``keep`` was called; where the rules have changed meanwhile, begin anew."""
        with np.load(io.BytesIO(kept), allow_pickle=False) as arrays:
            note = json.loads(arrays["note"].tobytes())
            if note["rules"] != _signature(self._walk.book.rules):
                return
            self._walk.load(_named(arrays, "walk_"))
            self._is_begun = True
            if note["calms"] is None:
                return
            new = self._new
            self._calms = [
                (what, Planned(new.asset_id, new.key, parse(raw), new.inputs)) for what, raw in note["calms"]
            ]
            if self._calms:
                self._calm = Walk([planned for _what, planned in self._calms], self.from_us)
                self._calm.load(_named(arrays, "calm_"))


def skipped(subject: Subject, reason: str = "") -> dict[str, Any]:
    """Return the finding of a machine on which nothing could be tried."""
    reason = reason or subject.reason
    return {
        "asset": subject.asset.pk, "asset_name": subject.asset.title, "reason": reason, "points": [], "new": None,
        "current": None, "change": None, "is_noisy": False, "alarms": [], "gone": [], "calmer": [],
        "sentences": [_("%(machine)s was not tried: %(reason)s") % {"machine": subject.asset.title, "reason": reason}],
    }  # fmt: skip


def _signature(rules: Sequence[Planned]) -> list[Any]:
    """What must be the same for a kept trial to go on; as JSON reads it back."""
    said = [
        [
            dump(rule.definition),
            {name: [each.point_id, each.interval_s] for name, each in rule.inputs.items()},
        ]
        for rule in rules
    ]
    found: list[Any] = json.loads(json.dumps(said))
    return found


def _named(arrays: Any, prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): arrays[name] for name in arrays.files if name.startswith(prefix)}
