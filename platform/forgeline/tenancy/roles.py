"""The database roles and how a fresh database gets them (decision 0002). Plain psycopg, no Django.

owner    migrates; owns tables, views and no definer function
app      pages, API, workers; row-level security binds it
ingest   writes samples; reads points of all tenants and nothing else
lookup   cannot sign in; owns the functions that read before a tenant is known
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg import sql

LOGIN_ROLES = ("owner", "app", "ingest")
MINIMUM_MAJOR = 16
"""GRANT … WITH INHERIT FALSE, which keeps the owner's views scoped, came with PostgreSQL 16."""


class ProvisionError(Exception):
    """The database cannot be made ready; the message says what to do."""


def provision(admin_url: str, *, dbname: str, passwords: Mapping[str, str]) -> list[str]:
    """Make roles and database where they are missing, set the passwords, grant what each role needs. Idempotent.

    ``admin_url`` signs in as a role that may create roles and databases. Returns a line for each thing done.
    **Raises** ProvisionError for a server that is too old or a role that may not do this.
    """
    done: list[str] = []
    try:
        with psycopg.connect(admin_url, autocommit=True, connect_timeout=10) as admin:
            if admin.info.server_version < MINIMUM_MAJOR * 10_000:
                major = admin.info.server_version // 10_000
                raise ProvisionError(
                    f"PostgreSQL {major} is too old: Forgeline needs {MINIMUM_MAJOR} or newer."
                )
            done += _make_roles(admin, passwords)
            if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [dbname]).fetchone():
                make = sql.SQL("CREATE DATABASE {} OWNER forgeline_owner TEMPLATE template0 ENCODING 'UTF8'")
                admin.execute(make.format(sql.Identifier(dbname)))
                done.append(f"database {dbname} made")
        with psycopg.connect(admin_url, dbname=dbname, autocommit=True, connect_timeout=10) as admin:
            _grant(admin, dbname)
            done += _make_extension(admin)
    except psycopg.errors.InsufficientPrivilege as error:
        raise ProvisionError(
            f"The user of FORGELINE_DATABASE_URL may not prepare the database ({error.diag.message_primary}). "
            "Give it CREATEROLE and CREATEDB, or run `manage.py provision_database` once as a superuser."
        ) from error
    return done


def _make_roles(admin: psycopg.Connection, passwords: Mapping[str, str]) -> list[str]:
    done = []
    existing = {
        row[0] for row in admin.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'forgeline\\_%'")
    }
    if "forgeline_lookup" not in existing:
        admin.execute("CREATE ROLE forgeline_lookup NOLOGIN NOINHERIT")
        done.append("role forgeline_lookup made")
    for role in LOGIN_ROLES:
        name = sql.Identifier(f"forgeline_{role}")
        if f"forgeline_{role}" not in existing:
            admin.execute(
                sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE").format(name)
            )
            done.append(f"role forgeline_{role} made")
        if passwords.get(role):
            admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(passwords[role])))
    admin.execute("GRANT forgeline_lookup TO forgeline_owner WITH INHERIT FALSE, SET TRUE")
    # A CREATEROLE user that is no superuser must be able to hand over the database it makes.
    if not _is_superuser(admin):
        admin.execute("GRANT forgeline_owner TO CURRENT_USER WITH INHERIT TRUE, SET TRUE")
    admin.execute("ALTER ROLE forgeline_app SET statement_timeout = '60s'")
    admin.execute("ALTER ROLE forgeline_app SET idle_in_transaction_session_timeout = '120s'")
    return done


def _is_superuser(admin: psycopg.Connection) -> bool:
    row = admin.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    return bool(row and row[0])


def _grant(admin: psycopg.Connection, dbname: str) -> None:
    defaults = "ALTER DEFAULT PRIVILEGES FOR ROLE forgeline_owner"
    statements = [
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE, CREATE ON SCHEMA public TO forgeline_owner",
        # CREATE lets a function of the owner's be handed to lookup; lookup cannot sign in.
        "GRANT USAGE, CREATE ON SCHEMA public TO forgeline_lookup",
        "GRANT USAGE ON SCHEMA public TO forgeline_app, forgeline_ingest",
        f"{defaults} IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO forgeline_app",
        f"{defaults} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO forgeline_app",
        f"{defaults} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
    ]
    for statement in statements:
        admin.execute(statement)
    name = sql.Identifier(dbname)
    admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    signers = "forgeline_owner, forgeline_app, forgeline_ingest"
    admin.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO " + signers).format(name))
    admin.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO forgeline_owner").format(name))


def _make_extension(admin: psycopg.Connection) -> list[str]:
    """TimescaleDB is made here where the server carries it, because making it takes more than the owner may."""
    available = admin.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone()
    present = admin.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    if available and not present:
        admin.execute("CREATE EXTENSION timescaledb")
        return ["extension timescaledb made"]
    return []
