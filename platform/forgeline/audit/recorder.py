"""Who acts, told to the database for the triggers; and entries about what is no row: signing in, exports.

Not here: entries about rows; ``tables.AuditRows`` has the database write them in the transaction of the change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import connection

from forgeline.audit.models import Entry
from forgeline.base import clock
from forgeline.tenancy.context import current_actor


@dataclass(frozen=True, slots=True)
class Source:
    """Who acts, and from where. The service itself, unless somebody asked."""

    who: str = "Forgeline"
    who_kind: str = "service"
    who_id: int | None = None
    on_behalf: str = ""
    address: str = ""
    agent: str = ""
    request_id: str = ""


@contextmanager
def acting(source: Source) -> Iterator[None]:
    """Name who acts in the scopes that are entered inside the block."""
    token = current_actor.set(msgspec.json.encode(_bounded(source)).decode())
    try:
        yield
    finally:
        current_actor.reset(token)


def current() -> Source:
    """Return who acts now."""
    told = current_actor.get()
    return msgspec.json.decode(told, type=Source) if told else Source()


def record(
    action: str, *, subject: str = "", subject_id: int | None = None, changes: Mapping[str, Any] | None = None
) -> None:
    """Write an entry about what is no row, in the scope and the transaction of the caller."""
    source = current()
    row = Entry(
        at=clock.now(), action=action, subject=subject[:200], subject_id=subject_id, changes=dict(changes or {}),
        who=source.who, who_kind=source.who_kind, who_id=source.who_id, on_behalf=source.on_behalf,
        address=source.address, agent=source.agent, request_id=source.request_id,
    )  # fmt: skip
    fields = [field for field in Entry._meta.concrete_fields if not field.primary_key]
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
    columns = ", ".join(str(field.column) for field in fields)
    with connection.cursor() as cursor:
        # Without RETURNING: whoever is limited to branches may write entries and not read them.
        cursor.execute(
            f"INSERT INTO audit_entry ({columns}) VALUES ({', '.join(['%s'] * len(fields))})",  # noqa: S608
            values,
        )


def _bounded(source: Source) -> Source:
    return Source(
        who=source.who[:160], who_kind=source.who_kind, who_id=source.who_id, on_behalf=source.on_behalf[:160],
        address=source.address[:45], agent=source.agent[:120], request_id=source.request_id[:64],
    )  # fmt: skip
