"""Reads of the audit log, the newest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.db import connection
from django.db.models import Q, QuerySet

from forgeline.audit.models import Entry

_PIECE = 2000


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose rows are audited: its name, and the column by which a person knows a row."""

    name: str
    label: str
    left_out: frozenset[str]


@cache
def read_tables() -> Mapping[str, Table]:
    """Return the audited tables by the kind that begins their entries' actions, as the triggers have it.

    Asked for once: only a migration changes them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, encode(tgargs, 'escape') FROM pg_trigger WHERE tgname = 'audit_rows'"
        )
        rows = cursor.fetchall()
    tables = {}
    for name, told in rows:
        kind, label, _secret, left_out, *_rest = told.split("\\000")
        tables[kind] = Table(name, label, frozenset(left_out.split(",")))
    return tables


def list_entries(
    *,
    who: str = "",
    action: str = "",
    search: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Entry]:
    """Return entries, narrowed by a part of who acted, the beginning of an action, a part of anything, and a span.

    **Time**: aware, half-open [since, until).
    """
    rows = Entry.objects.order_by("-id")
    if who:
        rows = rows.filter(Q(who__icontains=who) | Q(on_behalf__icontains=who))
    if action:
        rows = rows.filter(action__startswith=action)
    if search:
        rows = rows.filter(
            Q(subject__icontains=search) | Q(who__icontains=search) | Q(action__icontains=search)
            | Q(address=search) | Q(request_id=search)
        )  # fmt: skip
    if since is not None:
        rows = rows.filter(at__gte=since)
    if until is not None:
        rows = rows.filter(at__lt=until)
    return rows


def list_kinds() -> list[str]:
    """Return what actions are about, ``assets.point``, as far as there are entries. One skip through the index."""
    kinds: list[str] = []
    after = ""
    while True:
        found = (
            Entry.objects.filter(action__gt=after).order_by("action").values_list("action", flat=True).first()
        )
        if found is None:
            return kinds
        kind = found.rpartition(".")[0]
        kinds.append(kind)
        # '/' follows '.': past every action of the kind.
        after = kind + "/"


def iterate(rows: QuerySet[Entry], most: int) -> Iterator[list[Entry]]:
    """Yield entries in pieces by their id, so that a long log is never in memory whole."""
    last: int | None = None
    left = most
    while left > 0:
        piece = list((rows if last is None else rows.filter(pk__lt=last))[: min(_PIECE, left)])
        if not piece:
            return
        yield piece
        last, left = piece[-1].pk, left - len(piece)
