"""The token of a followed socket: where it stands in each log, when that was, and in which database.

It grants nothing: whoever sends one reads by the own rights, and only the own company's log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from django.db import connection

from forgeline.realtime.topics import Position

MAX_LENGTH = 400
_SHAPE = re.compile(
    r"1~([0-9a-f]{1,20})~([0-9]{1,12})((?:~[a-z]{1,20}-[0-9]{1,19}-[0-9]{1,19}){1,8})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says. ``at_s``: when its positions were the newest, in seconds since 1970."""

    store: str
    at_s: int
    positions: Mapping[str, Position]


def write_token(store: str, at_s: int, positions: Mapping[str, Position]) -> str:
    """Return a token for these positions."""
    parts = (f"{name}-{place.xid}-{place.seq}" for name, place in sorted(positions.items()))
    return "~".join(["1", store, str(at_s), *parts])


def find_token(text: str) -> Token | None:
    """Return what a token says, or None where it is none of ours."""
    found = _SHAPE.fullmatch(text[:MAX_LENGTH])
    if found is None:
        return None
    positions = {}
    for part in found[3].split("~")[1:]:
        name, xid, seq = part.split("-")
        if int(xid) >= 2**63 or int(seq) >= 2**63:
            return None
        positions[name] = Position(int(xid), int(seq))
    return Token(found[1], int(found[2]), positions)


@cache
def read_store() -> str:
    """Return what tells this database from any other: a position means nothing in one that was restored elsewhere."""
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT to_hex(s.system_identifier # d.oid::bigint) FROM pg_control_system() s, pg_database d
            WHERE d.datname = current_database()
        """)
        return str(cursor.fetchone()[0])
