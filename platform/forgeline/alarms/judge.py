"""One company's judge: follows the commit log, judges what is new, and writes transitions and position together.

A crash anywhere loses and doubles nothing: what was judged and not written is judged again. Not here: the process
that keeps judges for many companies (bench), judging itself (judging/), what a transition means (lifecycle).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from forgeline.alarms import metrics, suppression, telling
from forgeline.alarms.definitions import dump
from forgeline.alarms.judging.book import LAG_US, Book
from forgeline.alarms.judging.columns import NEVER
from forgeline.alarms.judging.signals import Samples
from forgeline.alarms.lifecycle import KEPT, Key, Life, to_standing
from forgeline.alarms.models import Alarm, Judgement
from forgeline.alarms.plan import RuleInForce, read_fingerprint, read_plan
from forgeline.base.clock import from_us
from forgeline.telemetry import followers, queries
from forgeline.telemetry.queries import Commit, CommitPosition, LatestValue
from forgeline.telemetry.sample import Quality
from forgeline.tenancy.scoping import tenant_scope

FOLLOWER = "alarms.judge"
LEASE_S = 10
"""Whoever takes over does so this long after the last sign of life at the latest."""
MAX_COMMITS = 500
LOOK_EVERY_US = 1_000_000
"""Suppression and shelves are looked at this often though nothing came."""
PLANT_EVERY_US = 4_000_000
"""New machines and points are found this soon."""
STOOD_STILL_US = 10_000_000
SETTLING_US = 60_000_000
"""After nobody has judged for a while, silence is judged only this much later: what was spooled is on its way."""
_HISTORY_US = 300_000_000
_UNBEGUN, _BEGUN = CommitPosition(0, 0), CommitPosition(1, 0)
_NO_SAMPLES = Samples(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0))


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did. ``due_us``: when the next is due though nothing comes (NEVER: whenever)."""

    is_mine: bool
    again: bool = False
    """There is more to read at once."""
    due_us: int = NEVER
    touched: tuple[int, ...] = ()
    until_us: int = 0
    """Somebody else judges until then."""


class Judge:
    """Judges one company. What it remembers is only a shortcut: all of it can be read again."""

    def __init__(self, tenant_id: int, owner: str) -> None:
        self.tenant_id = tenant_id
        self._owner = owner
        self._name = f"{FOLLOWER}:{tenant_id}"
        self._position: CommitPosition | None = None
        self._revision = -1
        self._rules: list[RuleInForce] = []
        self._book = Book([])
        self._standing = to_standing([])
        self._heard_us: NDArray[np.int64] = np.zeros(0, np.int64)
        """When each rule's point was last heard of, by this clock."""
        self._points: NDArray[np.int32] = np.zeros(0, np.int32)
        self._suppressed: set[Key] = set()
        self._ahead: set[int] = set()
        """Points of which a sample claims to come from the future: it is judged when its time has come."""
        self._round_us = 0
        self._looked_us = 0
        self._silence_from_us = 0
        self._plant = 0
        self._plant_read_us = 0
        self.is_held_off = False
        """Not to be run before its time though there is news: somebody else judges, or a round has failed."""

    def run_round(self, now_us: int) -> Round:
        """Judge what is new. Everything it writes stands or falls together."""
        if now_us < self._round_us:
            self._forget_the_future(now_us)
        try:
            with tenant_scope(self.tenant_id):
                found = self._run(now_us)
        except BaseException:
            # What is remembered may be ahead of what was written.
            self._position = None
            raise
        return found

    def release(self) -> None:
        """Give the company up, so that another process need not wait for the lease to end."""
        with tenant_scope(self.tenant_id):
            last = from_us(self._round_us) if self._round_us else None
            Judgement.objects.filter(owner=self._owner).update(owner="", expires_at=last)

    def _run(self, now_us: int) -> Round:
        judgement = self._claim(now_us)
        if isinstance(judgement, Round):
            return judgement
        place = followers.take_place(self._name, now_us=now_us)
        position = place.position
        if position == _UNBEGUN:
            # What was stored before anybody judged is not gone through; the last values are looked at.
            position = max(queries.find_end(), _BEGUN, key=lambda at: (at.xid, at.seq))
        life = Life(now_us)
        has_changed = self._plant_has_changed(now_us) or judgement.revision != self._revision
        if self._position != place.position or has_changed:
            self._load(position, now_us, life)
            self._revision = judgement.revision
        if now_us - self._round_us > STOOD_STILL_US and self._round_us:
            self._silence_from_us = now_us + SETTLING_US
        self._round_us = now_us
        commits = queries.list_commits_since(position, limit=MAX_COMMITS)
        self._judge(life, self._samples(commits, now_us), now_us)
        self._look(life, now_us)
        if commits:
            position = commits[-1].position
        telling.announce(life.news)
        followers.move(self._name, position)
        self._position = position
        metrics.note_round(self.tenant_id, commits=len(commits), transitions=len(life.news))
        return Round(
            True, again=len(commits) == MAX_COMMITS, due_us=self._due_us(now_us), touched=tuple(life.touched)
        )

    def _claim(self, now_us: int) -> Judgement | Round:
        """Take the lease, or say who has it."""
        Judgement.objects.get_or_create()
        row = Judgement.objects.select_for_update(skip_locked=True).first()
        if row is None:
            return Round(False, until_us=now_us + LEASE_S * 1_000_000 // 2)
        now = from_us(now_us)
        left = row.expires_at - now if row.expires_at is not None else timedelta(0)
        # What lasts a minute was given by a clock that has been put back since; two machines' clocks differ by less.
        is_held = timedelta(0) < left <= timedelta(seconds=6 * LEASE_S)
        if row.owner != self._owner and is_held:
            return Round(False, until_us=now_us + left // timedelta(microseconds=1))
        if not self._round_us and left < -timedelta(microseconds=STOOD_STILL_US):
            # Nobody has judged for a while: Forgeline was stopped, and what was spooled is on its way.
            self._silence_from_us = now_us + SETTLING_US
        if row.owner != self._owner or not is_held or left < timedelta(seconds=LEASE_S / 2):
            row.owner, row.expires_at = self._owner, now + timedelta(seconds=LEASE_S)
            row.save(update_fields=["owner", "expires_at"])
        return row

    # --- what is remembered ---

    def _forget_the_future(self, now_us: int) -> None:
        """This machine's clock was put back: what was to be looked at later would not be looked at for as long."""
        self._position = None
        self._looked_us = self._plant_read_us = 0
        self._heard_us = np.minimum(self._heard_us, now_us)
        self._silence_from_us = min(self._silence_from_us, now_us + SETTLING_US)

    def _plant_has_changed(self, now_us: int) -> bool:
        if now_us - self._plant_read_us < PLANT_EVERY_US:
            return False
        self._plant_read_us = now_us
        before, self._plant = self._plant, read_fingerprint()
        return before != self._plant

    def _load(self, position: CommitPosition, now_us: int, life: Life) -> None:
        """Read rules and where they stand. What was judged after the last written change is judged again: it says the
        same again, because a condition that has not changed since does not change.
        """
        every = read_plan()
        heard = {
            (rule.asset_id, rule.key): heard_us
            for rule, heard_us in zip(self._rules, self._heard_us.tolist(), strict=True)
        }
        # A process that has just begun knows nothing of before; one that runs has not heard a new rule's point.
        unheard = now_us if self._position is not None else NEVER
        self._rules = [rule for rule in every if rule.is_judged]
        self._heard_us = np.array(
            [heard.get((rule.asset_id, rule.key), unheard) for rule in self._rules], np.int64
        )
        self._book = Book([rule.planned() for rule in self._rules])
        self._points = self._book.point_ids
        alarms = {(alarm.asset_id, alarm.key): alarm for alarm in Alarm.objects.all()}
        own = [alarms.pop((rule.asset_id, rule.key), None) for rule in self._rules]
        self._standing = to_standing(own)
        self._suppressed = {
            (alarm.asset_id, alarm.key) for alarm in own if alarm is not None and alarm.is_suppressed
        }
        self._ahead = set()
        last, judged_us = self._read_judged(position, now_us)
        changed = [
            alarm is None or alarm.definition != dump(rule.definition)
            for rule, alarm in zip(self._rules, own, strict=True)
        ]
        self._book.begin(
            self._standing,
            points=np.array(list(last), np.int32),
            ts_us=np.array([row.ts_us for row in last.values()], np.int64),
            value=np.array(
                [row.value if isinstance(row.value, float) else np.nan for row in last.values()], np.float64
            ),
            is_new=np.array(changed, np.bool_),
            sure_us=min(judged_us, now_us) - 2 * LAG_US,
            now_us=now_us,
        )
        # The last value of each point is looked at once more, under the rules as they are now.
        self._ahead = set(self._points.tolist())
        orphans = [alarm for alarm in alarms.values() if alarm.is_active or not alarm.is_acknowledged]
        if orphans:
            life.withdraw(orphans)
        unjudged = sum(rule.is_enabled and bool(rule.faults) for rule in every)
        metrics.note_plan(self.tenant_id, judged=len(self._rules), faulted=unjudged)
        Judgement.objects.exclude(unjudged=unjudged).update(unjudged=unjudged)

    def _read_judged(self, position: CommitPosition, now_us: int) -> tuple[dict[int, LatestValue], int]:
        """Return each point's last sample that has been judged, and up to when: the commits after ``position`` are not.

        What is stored between two statements of this one is not taken for judged: it would never be judged.
        """
        until_us = now_us + _HISTORY_US
        earliest_us = queries.find_earliest_since(position)
        while True:
            until_us = min(until_us, earliest_us or until_us)
            last = queries.read_last_before(self._points.tolist(), until_us)
            earliest_us = queries.find_earliest_since(position)
            if earliest_us is None or earliest_us >= until_us:
                return last, until_us

    # --- a round ---

    def _samples(self, commits: Sequence[Commit], now_us: int) -> Samples:
        """Return the good samples that rules have not seen, of points that have news."""
        spoken = {point for commit in commits for point in commit.point_ids} | self._ahead
        self._ahead = set()
        if not spoken or not len(self._points):
            return _NO_SAMPLES
        points = np.intersect1d(np.fromiter(spoken, np.int32, len(spoken)), self._points)
        if not len(points):
            return _NO_SAMPLES
        news = queries.read_news(*self._book.list_needs(self._standing, points))
        is_ahead = news.ts_us > now_us
        if is_ahead.any():
            self._ahead = set(np.unique(news.point_id[is_ahead]).tolist())
        size = np.bincount(news.point_id - news.point_id[0]) if len(news.point_id) else np.zeros(0, np.int64)
        if len(size) and int(size.max()) >= queries.NEWS_LIMIT:
            # A long backlog comes in pieces; the rest in the next round.
            self._ahead |= set((np.flatnonzero(size >= queries.NEWS_LIMIT) + news.point_id[0]).tolist())
        good = (news.quality == Quality.GOOD) & ~np.isnan(news.value) & ~is_ahead
        return Samples(news.point_id[good], news.ts_us[good], news.value[good])

    def _judge(self, life: Life, samples: Samples, now_us: int) -> None:
        before = self._standing[list(KEPT)].copy()
        seen_us = self._standing["seen_us"].copy()
        transitions = self._book.judge(
            samples, self._standing, now_us=now_us, silence_until_us=self._silence_until(samples, now_us)
        )
        self._heard_us[self._standing["seen_us"] != seen_us] = now_us
        changed = np.flatnonzero(_differ(before, self._standing))
        rows = [self._rules[number] for number in changed.tolist()]
        if any(suppression.has_conditions(rule) for rule in rows):
            self._suppressed |= self._find_suppressed(rows, now_us)
        life.apply(self._rules, transitions, self._standing, changed, self._suppressed)

    def _silence_until(self, samples: Samples, now_us: int) -> NDArray[np.int64]:
        """Up to when silence is judged: not at all for points that speak of the past, from a spool or a history."""
        if now_us < self._silence_from_us:
            return np.full(len(self._book), NEVER)
        spoken = self._book.list_readers(np.unique(samples.point_id))
        is_quiet = (self._heard_us + self._book.terms["silent_us"] <= now_us) & ~spoken
        return np.where(is_quiet, now_us - LAG_US, NEVER)

    def _look(self, life: Life, now_us: int) -> None:
        """See whether suppression has begun or ended for an active alarm, and whose time on the shelf is up."""
        if now_us - self._looked_us < LOOK_EVERY_US:
            return
        self._looked_us = now_us
        life.unshelve()
        active = [self._rules[number] for number in np.flatnonzero(self._standing["is_active"]).tolist()]
        active = [rule for rule in active if suppression.has_conditions(rule)]
        found = self._find_suppressed(active, now_us)
        keys = {(rule.asset_id, rule.key) for rule in active}
        begins, ends = found - self._suppressed, (self._suppressed & keys) - found
        if begins:
            life.suppress(begins, is_suppressed=True)
        if ends:
            life.suppress(ends, is_suppressed=False)
        self._suppressed = found

    def _find_suppressed(self, rules: Sequence[RuleInForce], now_us: int) -> set[Key]:
        if not rules:
            return set()
        active = {
            (rule.asset_id, rule.key)
            for rule, is_active in zip(self._rules, self._standing["is_active"].tolist(), strict=True)
            if is_active
        }
        return suppression.find_suppressed(rules, active=active, now_us=now_us)

    def _due_us(self, now_us: int) -> int:
        if self._ahead:
            return now_us + LOOK_EVERY_US
        due = self._book.next_due_us(self._standing)
        return due if due == NEVER else max(due + LAG_US, now_us)


def _differ(before: NDArray[np.void], after: NDArray[np.void]) -> NDArray[np.bool_]:
    different = np.zeros(len(before), np.bool_)
    for name in KEPT:
        one, other = before[name], after[name]
        same = one == other
        if one.dtype.kind == "f":
            same |= np.isnan(one) & np.isnan(other)
        different |= ~same
    return different
