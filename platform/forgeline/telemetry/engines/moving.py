"""Copy a whole database to another one of the same migrations, table by table. Plain psycopg, as forgeline_owner.

Row-level security is lifted for the owner inside the transaction and forced again before it ends. The commit log gets
one transaction number: those of the old server mean nothing on the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

SKIPPED = ("django_migrations",)
CHUNKED = {"telemetry_sample": "ts", "telemetry_text": "ts", "telemetry_rollup_1m": "bucket"}
COMMITS = "telemetry_commit"

_TABLES = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname
"""

_AUDITED = "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'audit_rows' AND NOT tgisinternal"

_COLUMNS = """
SELECT a.attname FROM pg_attribute a
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum
"""

_SEQUENCES = """
SELECT c.relname, a.attname, pg_get_serial_sequence(quote_ident(c.relname), a.attname)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped
  AND pg_get_serial_sequence(quote_ident(c.relname), a.attname) IS NOT NULL
"""


class MoveError(Exception):
    """The store cannot be moved; the message says what to do."""


def move(source: psycopg.Connection, target: psycopg.Connection, *, tell: Callable[[str], None]) -> int:
    """Copy every table; return how many rows went. Both connections are the owner's, the target is freshly migrated.

    All of the target is one transaction: it holds everything, or what it held before.
    **Raises** MoveError for migrations that differ, or a target that is in use.
    """
    _check(source, target)
    tables = [name for (name,) in source.execute(_TABLES) if name not in SKIPPED]
    source.rollback()
    copied = 0
    with _unforced(source, tables, keep=False), _unforced(target, tables, keep=True):
        target.execute("SET CONSTRAINTS ALL DEFERRED")
        names = sql.SQL(", ").join(map(sql.Identifier, tables))
        target.execute(sql.SQL("TRUNCATE {}").format(names))
        for table in tables:
            rows = _copy_chunked(source, target, table) if table in CHUNKED else _copy(source, target, table)
            copied += rows
            if rows:
                tell(f"{table}: {rows:,}")
        _settle_followers(target)
        for table, column, sequence in target.execute(_SEQUENCES).fetchall():
            target.execute(
                sql.SQL("SELECT setval({}, GREATEST((SELECT max({}) FROM {}), 1))").format(
                    sql.Literal(sequence), sql.Identifier(column), sql.Identifier(table)
                )
            )
    return copied


def _check(source: psycopg.Connection, target: psycopg.Connection) -> None:
    migrations = "SELECT app, name FROM django_migrations ORDER BY app, name"
    if source.execute(migrations).fetchall() != target.execute(migrations).fetchall():
        raise MoveError("The two databases stand at different migrations; run `manage.py migrate` on both.")
    # Without a tenant in force the owner sees no row of tenancy_tenant; the sequence tells whether there ever was one.
    used = target.execute("SELECT is_called FROM tenancy_tenant_id_seq").fetchone()
    if used and used[0]:
        raise MoveError("The target is in use already: it has companies. Give an empty database.")
    writing = source.execute(
        "SELECT 1 FROM telemetry_writer WHERE seen_at > now() - interval '5 seconds'"
    ).fetchone()
    if writing:
        raise MoveError("Samples are still being written to the old store; stop Forgeline first.")
    source.rollback()
    target.rollback()


@contextmanager
def _unforced(connection: psycopg.Connection, tables: list[str], *, keep: bool) -> Iterator[None]:
    """A transaction in which the owner sees all rows and the audit rests, as its log comes with the rows: that they are
    moved is no change. Rolled back unless ``keep``, forced again in either case.
    """
    forced = [
        name
        for (name,) in connection.execute(
            "SELECT relname FROM pg_class WHERE relforcerowsecurity AND relnamespace = 'public'::regnamespace"
        )
        if name in tables
    ]
    audited = [name for (name,) in connection.execute(_AUDITED)]
    connection.rollback()
    with connection.transaction(force_rollback=not keep):
        for name in forced:
            connection.execute(
                sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(sql.Identifier(name))
            )
        for name in audited:
            connection.execute(
                sql.SQL("ALTER TABLE {} DISABLE TRIGGER audit_rows").format(sql.Identifier(name))
            )
        yield
        # Foreign keys are checked while the rows can be seen.
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name in forced:
            connection.execute(
                sql.SQL("ALTER TABLE {} FORCE ROW LEVEL SECURITY").format(sql.Identifier(name))
            )
        for name in audited:
            connection.execute(
                sql.SQL("ALTER TABLE {} ENABLE TRIGGER audit_rows").format(sql.Identifier(name))
            )


def _copy(
    source: psycopg.Connection, target: psycopg.Connection, table: str, where: sql.Composable = sql.SQL("")
) -> int:
    columns = [name for (name,) in source.execute(_COLUMNS, [table])]
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    taken = names
    if table == COMMITS:
        taken = sql.SQL(", ").join(sql.SQL("'1'::xid8") if c == "xid" else sql.Identifier(c) for c in columns)
    reading = sql.SQL("COPY (SELECT {} FROM {} {}) TO STDOUT (FORMAT binary)").format(
        taken, sql.Identifier(table), where
    )
    writing = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(sql.Identifier(table), names)
    with source.cursor() as reader, target.cursor() as writer:
        with reader.copy(reading) as out, writer.copy(writing) as into:
            for block in out:
                into.write(block)
        return writer.rowcount


def _copy_chunked(source: psycopg.Connection, target: psycopg.Connection, table: str) -> int:
    """A day at a time, so that neither side has to hold more."""
    column = sql.Identifier(CHUNKED[table])
    rows = 0
    for _, start, end, _ in source.execute("SELECT * FROM telemetry_list_chunks(%s)", [table]).fetchall():
        target.execute("SELECT telemetry_make_chunks(%s, %s)", [start, end])
        where = sql.SQL("WHERE {column} >= {start} AND {column} < {end} ORDER BY point_id, {column}").format(
            column=column, start=sql.Literal(start), end=sql.Literal(end)
        )
        rows += _copy(source, target, table, where)
    return rows


def _settle_followers(target: psycopg.Connection) -> None:
    """Followers were brought up to the end before the move; the end has another name here."""
    target.execute(
        "UPDATE telemetry_follower SET xid = '1', seq = COALESCE((SELECT max(seq) FROM telemetry_commit), 0)"
    )
