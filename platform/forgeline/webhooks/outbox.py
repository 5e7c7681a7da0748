"""Announce events, in the transaction of what they tell of. Not here: telling them (sending)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q

from forgeline.webhooks.models import Endpoint


class News(NamedTuple):
    """One event before it is written."""

    type: str
    subject: str
    data: Mapping[str, Any]
    happened_at: datetime


def is_anybody_listening() -> bool:
    """Say whether the company in force has an endpoint at all; asked before news are put together.

    One that was stopped because nobody took anything listens too: what happens meanwhile is kept for a replay (0004).
    """
    return Endpoint.objects.filter(Q(is_enabled=True) | Q(stopped_because__in=("gone", "failing"))).exists()


def announce(news: Iterable[News]) -> None:
    """Write events and their deliveries; nothing where nobody listens. Changes of rows announce themselves (0001)."""
    rows = [(each.type, each.subject, json.dumps(each.data), each.happened_at) for each in news]
    if not rows or not is_anybody_listening():
        return
    with connection.cursor() as cursor:
        cursor.executemany("SELECT webhooks_announce(%s, %s, %s::jsonb, %s)", rows)
