"""The migration operation by which a table's rows are audited. Not here: the function it names (first migration)."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.migrations.operations import RunSQL


class AuditRows(RunSQL):
    """Have the database write an entry for each row of a table that is made, changed or removed.

    ``kind`` begins the action (``assets.point`` → ``assets.point.changed``). ``label`` is the column by which a person
    knows the row, or ``user_id@identity_user.email`` where that stands in the row it points at. Of columns that are
    ``secret`` is told only that they changed; those ``left_out`` are not looked at. ``column`` is where the tenant
    stands.
    """

    def __init__(
        self,
        table: str,
        *,
        kind: str,
        label: str = "name",
        secret: Sequence[str] = (),
        left_out: Sequence[str] = (),
        column: str = "tenant_id",
    ) -> None:
        words = ", ".join(f"'{word}'" for word in (kind, label, ",".join(secret), ",".join(left_out), column))
        super().__init__(
            sql=f"CREATE TRIGGER audit_rows AFTER INSERT OR UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION audit_row({words})",
            reverse_sql=f"DROP TRIGGER audit_rows ON {table}",
        )
