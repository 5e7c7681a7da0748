"""What a crew does with the first advisory: an order, the work, the finding; and one more order that waits.

Done once, over REST, when Forgeline has judged the history; a plant whose people have begun to answer keeps to
themselves. Not here: the maintenance that is there from the start (maintenance).
"""

from __future__ import annotations

import logging
from typing import Any

from demoplant.model import Title
from forgeline_client import ApiError, AsyncClient

log = logging.getLogger("demoplant.seeding")

FOUND_ON, NEXT_ON = "Press1", "Compressor2"
"""The machine whose recorded temperature ran into its failure; one whose first advisory waits."""
NOTE = Title(
    "Main bearing ran hot for hours before it failed; grease was burnt, races scored.",
    "主轴承失效前持续数小时过热；润滑脂烧结，滚道划伤。",
)
REMEDY = Title("Bearing and seal replaced, run in for two hours.", "更换轴承和密封，磨合两小时。")
MINUTES = 190


class AdvisoryStory:
    """Answers the advisory of the recorded failure, if nobody has answered any."""

    def __init__(self, forgeline: AsyncClient, machine_ids: dict[str, int], language: str) -> None:
        self._forgeline = forgeline
        self._ids = machine_ids
        self._language = language

    async def go_on(self) -> bool:
        """Return whether there is nothing left to do; until the failure is found there is."""
        try:
            rows = (await self._forgeline.get("/advisories/", page_size=1000))["results"]
            if any(row["work_order"] or row["finding"] for row in rows):
                return True
            found = self._oldest(rows, FOUND_ON)
            if found is None:
                return False
            await self._work_on(found)
            if following := self._oldest(rows, NEXT_ON):
                order = await self._order(following)
                await self._forgeline.post(f"{order}move/", {"to": "approved"})
        except ApiError as error:
            log.warning("the advisories are not answered: %s", error)
            return False
        log.info("an advisory was answered: ordered, worked on, found to be right")
        return True

    def _oldest(self, rows: list[dict[str, Any]], machine: str) -> dict[str, Any] | None:
        mine = [row for row in rows if row["asset"] == self._ids[machine]]
        return min(mine, key=lambda row: str(row["evidence_from"]), default=None)

    async def _work_on(self, advisory: dict[str, Any]) -> None:
        order = await self._order(advisory)
        for step in ("approved", "in_progress"):
            await self._forgeline.post(f"{order}move/", {"to": step})
        await self._forgeline.post(f"{order}labour/", {"minutes": MINUTES})
        await self._forgeline.patch(order, {"remedy": REMEDY.in_language(self._language)})
        note = NOTE.in_language(self._language)
        await self._forgeline.post(
            f"/advisories/{advisory['id']}/finding/", {"finding": "confirmed", "note": note}
        )
        for step in ("done", "verified"):
            await self._forgeline.post(f"{order}move/", {"to": step})

    async def _order(self, advisory: dict[str, Any]) -> str:
        made = await self._forgeline.post(f"/advisories/{advisory['id']}/order/", {})
        return f"/work-orders/{made['work_order']}/"
