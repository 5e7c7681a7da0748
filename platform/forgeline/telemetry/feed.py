"""What follows points, machines and branches of the plant by the commit log: each stored sample once at least.

Not here: sockets and tokens (realtime), the short way by Redis that pages take (live).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from forgeline.assets.models import Asset
from forgeline.assets.queries import list_points
from forgeline.base.clock import now_us
from forgeline.base.errors import InvalidInputError
from forgeline.realtime.topics import News, Position
from forgeline.telemetry import queries
from forgeline.telemetry.engines import following
from forgeline.telemetry.engines.base import CommitPosition
from forgeline.telemetry.engines.following import Span
from forgeline.telemetry.sample import PointKind

KINDS = ("point", "asset", "branch")
MAX_POINTS = 5_000
"""Points that one socket follows at most."""
MAX_COMMITS = 200
MAX_ROWS = 50_000
"""Rows of one read, which hold the largest post. A commit whose span holds more is told as a gap."""
ROWS_PER_FRAME = 5_000
NEIGHBOURS_US = 60_000_000
"""Spans of a point that lie so close are read as one."""
LATEST_LAG_US = 10_000_000
"""Texts have their latest value from a table that is written each second: who follows some begins so much earlier."""
AHEAD_US = 366 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class Followed:
    """The points of some topics."""

    topics_of: Mapping[int, list[str]]
    texts: frozenset[int]


class SampleFeed:
    """The feed of ``point.N``, ``asset.N`` (a machine's own points) and ``branch.N`` (with all that is beneath)."""

    def find_end(self) -> Position:
        return Position(*following.read_certain_end())

    def take_snapshot(self, topics: Collection[str]) -> tuple[Position, list[dict[str, Any]]]:
        """Return the newest sample of each point, as it is after everything before the position.

        **Raises** InvalidInputError beyond MAX_POINTS.
        """
        end = self.find_end()
        followed = find_followed(topics)
        if len(followed.topics_of) > MAX_POINTS:
            raise InvalidInputError(
                _("One socket follows at most %(most)d points; these topics have %(count)d. Open more sockets.")
                % {"most": MAX_POINTS, "count": len(followed.topics_of)},
                key="realtime.too_many_points",
            )  # fmt: skip
        point_ids = list(followed.topics_of)
        now = now_us()
        if followed.texts:
            before = following.read_end_before(now - LATEST_LAG_US, now - LATEST_LAG_US - AHEAD_US)
            end = min(end, Position(*before)) if before else Position(0, 0)
        newest = queries.read_latest(point_ids)
        for point_id, value in queries.read_last_before(point_ids, now + AHEAD_US).items():
            known = newest.get(point_id)
            if known is None or known.ts_us <= value.ts_us:
                newest[point_id] = value
        rows = [
            (point_id, value.ts_us, value.value, value.quality, value.flags)
            for point_id, value in sorted(newest.items())
        ]
        return end, to_frames(rows, followed, "snapshot", wanted=topics)

    def read_after(self, topics: Collection[str], position: Position) -> News:
        """Return the samples of the commits after a position, in the order of the log.

        A sample may come twice, where commits lie close in time: point and time tell it, and the later is the same or
        a correction.
        """
        # In this order: a sample that was committed before the end is of a point that was there when it is read.
        end = following.read_certain_end()
        followed = find_followed(topics)
        commits = following.read_commits_of(
            list(followed.topics_of), CommitPosition(*position), end, limit=MAX_COMMITS
        )
        is_all = len(commits) < MAX_COMMITS
        while True:
            spans = join_spans(commits)
            rows = _read_rows(spans, followed.texts)
            if len(rows) <= MAX_ROWS or len(commits) == 1:
                break
            commits, is_all = commits[: len(commits) // 2], False
        if len(rows) > MAX_ROWS:
            frames = _gap_frames(spans, followed)
        else:
            frames = to_frames(rows, followed, "samples")
        reached = end if is_all else commits[-1]
        return News(frames, Position(reached[0], reached[1]), is_all)


def find_followed(topics: Collection[str]) -> Followed:
    """Return the points of topics that the actor in scope may see, as they are now."""
    idents: dict[str, set[int]] = defaultdict(set)
    for topic in topics:
        kind, _dot, ident = topic.partition(".")
        idents[kind].add(int(ident))
    branches: dict[int, list[str]] = defaultdict(list)
    if idents["branch"]:
        roots = Asset.objects.filter(pk__in=idents["branch"]).values_list("pk", "path")
        for root_id, path in roots:
            for asset_id in Asset.objects.filter(path__startswith=path).values_list("pk", flat=True):
                branches[asset_id].append(f"branch.{root_id}")
    wanted = Q(pk__in=idents["point"]) | Q(asset_id__in=idents["asset"] | set(branches))
    topics_of: dict[int, list[str]] = {}
    texts = set()
    for point_id, asset_id, kind in list_points().filter(wanted).values_list("pk", "asset_id", "kind"):
        if kind == PointKind.TEXT:
            texts.add(point_id)
        names = [f"point.{point_id}"] if point_id in idents["point"] else []
        if asset_id in idents["asset"]:
            names.append(f"asset.{asset_id}")
        topics_of[point_id] = names + branches.get(asset_id, [])
    return Followed(topics_of, frozenset(texts))


def join_spans(commits: Sequence[tuple[int, int, int, int, list[int]]]) -> list[Span]:
    """Return what has to be read of each point; spans that lie close are one, in the order of their first commit."""
    open_spans: dict[int, list[Span]] = {}
    for _xid, _seq, from_us, to_us, points in commits:
        for point_id in points:
            known = open_spans.setdefault(point_id, [])
            if known and from_us <= known[-1][2] + NEIGHBOURS_US and to_us >= known[-1][1] - NEIGHBOURS_US:
                last = known[-1]
                known[-1] = (point_id, min(last[1], from_us), max(last[2], to_us))
            else:
                known.append((point_id, from_us, to_us))
    return [span for spans in open_spans.values() for span in spans]


def _read_rows(spans: list[Span], texts: frozenset[int]) -> list[tuple[Any, ...]]:
    numbers = [span for span in spans if span[0] not in texts]
    words = [span for span in spans if span[0] in texts]
    rows = following.read_spans(numbers, limit=MAX_ROWS + 1, is_text=False)
    return rows + following.read_spans(words, limit=MAX_ROWS + 1, is_text=True)


def to_frames(
    rows: Iterable[tuple[Any, ...]], followed: Followed, word: str, *, wanted: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Return frames of rows by topic; a topic that is ``wanted`` has one even if it is empty."""
    by_topic: dict[str, list[list[Any]]] = {topic: [] for topic in sorted(wanted)}
    for point_id, ts_us, value, quality, flags in rows:
        # Fractions are kept: two samples of one millisecond stay two.
        ts_ms = ts_us / 1000 if ts_us % 1000 else ts_us // 1000
        entry = [point_id, ts_ms, value, quality, flags]
        for topic in followed.topics_of.get(point_id, ()):
            by_topic.setdefault(topic, []).append(entry)
    return [
        {"topic": topic, "t": word, "p": entries[at : at + ROWS_PER_FRAME]}
        for topic, entries in by_topic.items()
        for at in range(0, max(1, len(entries)), ROWS_PER_FRAME)
    ]


def _gap_frames(spans: list[Span], followed: Followed) -> list[dict[str, Any]]:
    by_topic: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        for topic in followed.topics_of.get(span[0], ()):
            by_topic[topic].append(span)
    return [
        {
            "topic": topic, "t": "gap", "why": "too_much", "points": sorted({span[0] for span in those}),
            "from_ms": min(span[1] for span in those) // 1000, "to_ms": max(span[2] for span in those) // 1000 + 1,
        }
        for topic, those in by_topic.items()
    ]  # fmt: skip
