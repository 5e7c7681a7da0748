"""Migration operations that put row-level security, and the doors through it, on tables (decision 0002)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.migrations.operations import RunSQL

_TENANT = "NULLIF(current_setting('forgeline.tenant_id', true), '')::bigint"


class EnableRowSecurity(RunSQL):
    """Enable and FORCE row-level security on a table; the policy carries no TO, so that the owner's barrier views
    are scoped as well.

    ``lookup=True`` lets the definer functions (role forgeline_lookup) read the table before a tenant is known;
    ``lookup_columns`` narrows what they may read.
    """

    def __init__(
        self,
        table: str,
        *,
        column: str = "tenant_id",
        lookup: bool = False,
        lookup_columns: Sequence[str] = (),
    ) -> None:
        forward: list[Any] = [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} USING ({column} = {_TENANT}) WITH CHECK ({column} = {_TENANT})",
        ]
        backward: list[Any] = [
            f"DROP POLICY tenant ON {table}",
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        ]
        if lookup:
            columns = f" ({', '.join(lookup_columns)})" if lookup_columns else ""
            forward += [
                f"CREATE POLICY lookup ON {table} FOR SELECT TO forgeline_lookup USING (true)",
                f"GRANT SELECT{columns} ON {table} TO forgeline_lookup",
            ]
            backward = [
                f"DROP POLICY lookup ON {table}",
                f"REVOKE ALL ON {table} FROM forgeline_lookup",
                *backward,
            ]
        super().__init__(sql=forward, reverse_sql=backward)


class DefinerFunction(RunSQL):
    """Create a SECURITY DEFINER function owned by forgeline_lookup: a narrow door for what must be read before a
    tenant is known. ``signature`` is ``name(args)``, ``body`` one SQL statement; PUBLIC may not call it.

    PostgreSQL plans the statement anew at each call; with ``keeps_plan`` each connection keeps it, for what is asked
    at every request.
    """

    def __init__(
        self,
        signature: str,
        *,
        returns: str,
        body: str,
        to: Sequence[str] = ("forgeline_app",),
        keeps_plan: bool = False,
    ) -> None:
        language = "sql"
        if keeps_plan:
            # The columns of the answer are variables there, and bear the names of the tables' own.
            language, body = "plpgsql", f"#variable_conflict use_column\nBEGIN RETURN QUERY {body}; END"
        # The owner may grant away what it owns only while it holds CREATE on the schema for the new owner; both
        # roles are made so by provision_database.
        forward: list[Any] = [
            (
                f"CREATE OR REPLACE FUNCTION {signature} RETURNS {returns} LANGUAGE {language} STABLE SECURITY DEFINER "
                f"SET search_path = public, pg_temp AS $definer$ {body} $definer$"
            ),
            f"REVOKE ALL ON FUNCTION {_without_names(signature)} FROM PUBLIC",
            *(f"GRANT EXECUTE ON FUNCTION {_without_names(signature)} TO {role}" for role in to),
            f"ALTER FUNCTION {_without_names(signature)} OWNER TO forgeline_lookup",
        ]
        super().__init__(
            sql=forward,
            reverse_sql=_drop(_without_names(signature)),
        )


class DropDefinerFunction(RunSQL):
    """Drop a definer function before it is made anew with another answer; going back leaves the new one's reverse to
    drop. ``function`` names it as DROP does: ``find(text, int)``."""

    def __init__(self, function: str) -> None:
        super().__init__(sql=_drop(function), reverse_sql=RunSQL.noop)


def _drop(function: str) -> list[Any]:
    # It belongs to the role that looks things up; RESET ROLE would fall back to whoever signed in, which need not be
    # the owner.
    return ["SET ROLE forgeline_lookup", f"DROP FUNCTION {function}", "SET ROLE forgeline_owner"]


def _without_names(signature: str) -> str:
    """``find(key text, n int)`` → ``find(text, int)``: how DROP, GRANT and ALTER name a function."""
    name, _, rest = signature.partition("(")
    arguments = [part.strip() for part in rest.rstrip(") ").split(",") if part.strip()]
    return f"{name}({', '.join(part.split(' ', 1)[1] for part in arguments)})"


class LimitToBranches(RunSQL):
    """Narrow a table to the branches of the plant in force (decision 0008): none in force leaves it as it is.

    ``write`` is the condition under which a row lies in them, ``read`` (the same where left out) the one under which
    it may be seen. Restrictive, so that no later policy of a table opens what this one closes.
    """

    def __init__(self, table: str, *, write: str, read: str = "") -> None:
        # A scalar subquery is evaluated once a statement, the function itself would be once a row.
        whole = "(SELECT tenancy_branches()) IS NULL"
        conditions = {"SELECT": read or write, "INSERT": write, "UPDATE": write, "DELETE": write}
        super().__init__(
            sql=[
                f"CREATE POLICY branches_{verb.lower()} ON {table} AS RESTRICTIVE FOR {verb} "
                f"{'WITH CHECK' if verb == 'INSERT' else 'USING'} ({whole} OR ({condition}))"
                for verb, condition in conditions.items()
            ],
            reverse_sql=[f"DROP POLICY branches_{verb.lower()} ON {table}" for verb in conditions],
        )
