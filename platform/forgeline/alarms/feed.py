"""What follows a company's alarms by their journal: each entry once, with its alarm as it is now.

Not here: sockets and tokens (realtime), the short word to open pages (telling.show).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db import connection

from forgeline.alarms import queries
from forgeline.alarms.models import JournalEntry
from forgeline.alarms.serializers import AlarmSerializer, JournalEntrySerializer
from forgeline.base import clock
from forgeline.realtime.topics import News, Position
from forgeline.tenancy.context import require_tenant_id

MOST_OPEN = 1_000
MAX_ENTRIES = 500
OLDEST = timedelta(days=1)
"""Entries older than any token; their transactions may be of the server that a backup came from."""

_END = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_ENTRIES = """
SELECT xid::text::bigint, id FROM alarms_journalentry
WHERE tenant_id = %(tenant)s AND (xid, id) > (%(xid)s::text::xid8, %(id)s) AND xid < %(end)s::text::xid8
  AND noted_at > %(oldest)s
ORDER BY xid, id LIMIT %(limit)s
"""


class AlarmFeed:
    """The feed of ``alarms.<tenant>``."""

    def find_end(self) -> Position:
        with connection.cursor() as cursor:
            cursor.execute(_END)
            return Position(int(cursor.fetchone()[0]), 0)

    def take_snapshot(self, topics: Collection[str]) -> tuple[Position, list[dict[str, Any]]]:
        """Return what is open, the most urgent first; ``is_cut`` where there is more than that."""
        end = self.find_end()
        rows = list(queries.list_alarms("open")[: MOST_OPEN + 1])
        told = [dict(row) for row in AlarmSerializer(rows[:MOST_OPEN], many=True).data]
        word = {"t": "snapshot", "alarms": told, "is_cut": len(rows) > MOST_OPEN}
        return end, [{"topic": topic, **word} for topic in sorted(topics)]

    def read_after(self, topics: Collection[str], position: Position) -> News:
        """Return the entries after a position, in the order of the log, and their alarms."""
        end = self.find_end()
        with connection.cursor() as cursor:
            cursor.execute(
                _ENTRIES,
                {"tenant": require_tenant_id(), "xid": position.xid, "id": position.seq, "end": end.xid,
                 "limit": MAX_ENTRIES, "oldest": clock.now() - OLDEST},
            )  # fmt: skip
            rows = cursor.fetchall()
        if not rows:
            return News([], end, True)
        by_id = JournalEntry.objects.select_related("alarm").in_bulk([row[1] for row in rows])
        entries = [by_id[row[1]] for row in rows if row[1] in by_id]
        ids = sorted({entry.alarm_id for entry in entries})
        alarms = queries.list_alarms("all").filter(pk__in=ids)
        word = {
            "t": "alarms", "ids": ids,
            "entries": [dict(row) for row in JournalEntrySerializer(entries, many=True).data],
            "alarms": [dict(row) for row in AlarmSerializer(alarms, many=True).data],
        }  # fmt: skip
        is_all = len(rows) < MAX_ENTRIES
        reached = end if is_all else Position(int(rows[-1][0]), int(rows[-1][1]))
        return News([{"topic": topic, **word} for topic in sorted(topics)], reached, is_all)
