"""After a restore: positions in the commit log that hold in a server whose transactions are counted anew.

Commits and their followers stand in the order of transaction ids. In another cluster those of a backup lie in the
future: nothing that was restored would ever be followed, and nothing that comes would come after it. So the commits are
numbered anew in their order, all of one transaction long past, and whoever follows stands where it stood among them.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

_OF_COMMITS = "SELECT to_regclass('telemetry_commit') IS NOT NULL"
_COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = 'telemetry_commit'::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('xid', 'seq')
ORDER BY attnum
"""
_OTHERS = """
SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE a.atttypid = 'xid8'::regtype AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition AND NOT a.attisdropped AND c.relname NOT IN ('telemetry_commit', 'telemetry_follower')
ORDER BY c.relname
"""
_NUMBER = """
CREATE TEMP TABLE numbered ON COMMIT DROP AS
SELECT *, row_number() OVER (ORDER BY xid, seq) AS place FROM telemetry_commit
"""
# Who has not begun (xid 0) begins at the beginning, here as there.
_FOLLOWERS = """
UPDATE telemetry_follower f SET xid = '1', seq = COALESCE((
    SELECT max(n.place) FROM numbered n WHERE (n.xid, n.seq) <= (f.xid, f.seq)), 0)
WHERE f.xid > '0'::xid8
"""
_WRITERS = ("latest_seq", "minute_seq", "hour_seq")


def rebase_log(connection: psycopg.Connection) -> None:
    """Number the commits of a restored database anew, in one transaction; a database without any is left as it is."""
    with connection.transaction():
        found = connection.execute(_OF_COMMITS).fetchone()
        if found is None or not found[0]:
            return
        connection.execute(_NUMBER)
        connection.execute(_FOLLOWERS)
        for column in _WRITERS:
            connection.execute(
                sql.SQL(
                    "UPDATE telemetry_writer w SET {0} = COALESCE((SELECT max(n.place) FROM numbered n "
                    "WHERE n.writer_id = w.writer_id AND n.seq <= w.{0}), 0)"
                ).format(sql.Identifier(column))
            )
        names = sql.SQL(", ").join(sql.Identifier(row[0]) for row in connection.execute(_COLUMNS))
        connection.execute("DELETE FROM telemetry_commit")
        connection.execute(
            sql.SQL(
                "INSERT INTO telemetry_commit (xid, seq, {0}) OVERRIDING SYSTEM VALUE "
                "SELECT '1'::xid8, place, {0} FROM numbered"
            ).format(names)
        )
        connection.execute(
            "SELECT setval(pg_get_serial_sequence('telemetry_commit', 'seq'), max(place)) FROM numbered "
            "HAVING max(place) > 0"
        )
        for table, column in connection.execute(_OTHERS).fetchall():
            connection.execute(
                sql.SQL("UPDATE {0} SET {1} = '1' WHERE {1} IS NOT NULL").format(
                    sql.Identifier(table), sql.Identifier(column)
                )
            )
