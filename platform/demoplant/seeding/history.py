"""Posts the two weeks before the first start, a day at a time, newest first; goes on where it stopped.

Not here: the rows (backfill).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from demoplant.backfill import Stretch, day_before, history_of
from demoplant.model import MachineSpec
from demoplant.seeding.places import PointIds
from demoplant.signals import Play
from demoplant.state import State
from forgeline_client import AsyncClient

SAMPLES_PER_POST = 5_000
PAUSE_S = 0.05
"""Between two posts: the history must not starve the live values on a small machine."""

log = logging.getLogger("demoplant.history")


async def post_history(
    forgeline: AsyncClient,
    machines: tuple[MachineSpec, ...],
    play: Play,
    point_ids: PointIds,
    state: State,
    days: int,
) -> int:
    """Post the days that are not posted yet and return how many samples were accepted."""
    accepted = 0
    refused: Counter[str] = Counter()
    while state.history.days_done < days:
        begun = time.monotonic()
        number = state.history.days_done
        start, end = day_before(state.history.until_ms, number)
        bodies = await asyncio.to_thread(_bodies_of, machines, play, point_ids, start, end)
        for body in bodies:
            answer = await forgeline.post("/samples/", body)
            accepted += int(answer["accepted"])
            refused.update(reason["reason"] for reason in answer["reasons"])
            await asyncio.sleep(PAUSE_S)
        state.history.days_done += 1
        state.save()
        log.info("history: day %d of %d posted in %.1f s", number + 1, days, time.monotonic() - begun)
    if refused:
        log.warning("history: samples were refused: %s", dict(refused))
    return accepted


def _bodies_of(
    machines: tuple[MachineSpec, ...], play: Play, point_ids: PointIds, start_ms: int, end_ms: int
) -> list[dict[str, Any]]:
    return list(posts_of(history_of(machines, play, start_ms, end_ms), point_ids))


def posts_of(stretches: Iterator[Stretch], point_ids: PointIds) -> Iterator[dict[str, Any]]:
    """Yield request bodies of at most SAMPLES_PER_POST samples, as columns."""
    body: dict[str, list[Any]] = {"point": [], "ts": [], "value": []}
    for stretch in stretches:
        point_id = point_ids[stretch.machine.key, stretch.point.key]
        start = 0
        while start < len(stretch):
            end = start + SAMPLES_PER_POST - len(body["ts"])
            ts = stretch.ts_ms[start:end].tolist()
            body["point"] += [point_id] * len(ts)
            body["ts"] += ts
            body["value"] += stretch.values[start:end].tolist()
            start = end
            if len(body["ts"]) == SAMPLES_PER_POST:
                yield body
                body = {"point": [], "ts": [], "value": []}
    if body["ts"]:
        yield body
