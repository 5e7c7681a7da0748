"""The connection as forgeline_ingest, one a thread, and its faults in the product's words. Not here: statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django.db
import psycopg
from django.db import connections
from django.utils.translation import gettext as _

from forgeline.base.errors import UnavailableError

ALIAS = "ingest"

STORE_AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    django.db.OperationalError,
    django.db.InterfaceError,
)
"""What a store that is away, restarting, full or too slow answers with."""


class StoreAwayError(UnavailableError):
    """The store cannot take or give anything now; the sender keeps what it has and tries again."""

    key = "telemetry.store_away"


@contextmanager
def store_connection() -> Iterator[psycopg.Connection[Any]]:
    """Yield this thread's connection, in autocommit; open a block with ``connection.transaction()``.

    **Raises** StoreAwayError when the store is away; the connection is closed then and the next call opens another.
    """
    wrapper = connections[ALIAS]
    try:
        wrapper.ensure_connection()
        connection: psycopg.Connection[Any] = wrapper.connection
        if connection.closed:
            wrapper.close()
            wrapper.ensure_connection()
            connection = wrapper.connection
        yield connection
    except STORE_AWAY as error:
        close_connection()
        raise StoreAwayError(
            _("The store is away; samples are kept until it is back."), data={"fault": _first_line(error)}
        ) from error


def cursor(connection: psycopg.Connection[Any], *, binary: bool = False) -> psycopg.Cursor[Any]:
    """Return a cursor that binds on the server (Django's own interpolates on the client)."""
    made = psycopg.Cursor(connection)
    made.format = psycopg.pq.Format.BINARY if binary else psycopg.pq.Format.TEXT
    return made


def lift_tuple_limit(connection: psycopg.Connection[Any]) -> None:
    """For this transaction: late rows of many points unpack more of a columnstore than it would allow by itself."""
    connection.execute("SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0")


def close_connection() -> None:
    """Close this thread's connection, whatever its state."""
    connections[ALIAS].close()


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
