"""The plant belongs to a tenant; ingest reads points of all of them, the broker's watcher reads live credentials."""

from django.db import migrations

from forgeline.tenancy.rls import DefinerFunction, EnableRowSecurity

_TABLES = ("site", "asset", "shift", "calendarday")


class Migration(migrations.Migration):
    dependencies = [("assets", "0001_initial"), ("tenancy", "0002_row_security")]
    operations = [
        *(EnableRowSecurity(f"assets_{table}") for table in _TABLES),
        EnableRowSecurity("assets_device", lookup=True),
        EnableRowSecurity("assets_point", lookup=True),
        EnableRowSecurity("assets_devicecredential", lookup=True),
        # What ingest must know of any tenant's points; it may read nothing else of the plant.
        *(
            migrations.RunSQL(
                sql=[
                    f"CREATE POLICY ingest ON assets_{table} FOR SELECT TO forgeline_ingest USING (true)",
                    f"GRANT SELECT ON assets_{table} TO forgeline_ingest",
                ],
                reverse_sql=[
                    f"DROP POLICY ingest ON assets_{table}",
                    f"REVOKE SELECT ON assets_{table} FROM forgeline_ingest",
                ],
            )
            for table in ("point", "asset", "site")
        ),
        DefinerFunction(
            "assets_list_broker_credentials()",
            returns="TABLE (username text, password_hash text)",
            body="""
                SELECT c.username::text, c.password_hash::text
                FROM assets_devicecredential c JOIN assets_device d ON d.id = c.device_id
                WHERE c.revoked_at IS NULL AND d.retired_at IS NULL
                ORDER BY c.username
            """,
        ),
        DefinerFunction(
            "assets_find_credential(wanted text)",
            returns="TABLE (tenant_id bigint, device_id bigint, password_hash text)",
            body="""
                SELECT c.tenant_id, c.device_id, c.password_hash::text
                FROM assets_devicecredential c
                WHERE c.username = wanted AND c.revoked_at IS NULL
            """,
        ),
    ]
