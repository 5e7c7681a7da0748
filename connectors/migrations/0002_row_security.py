"""Connections belong to tenants; a connector process learns through two narrow doors which of them it may run."""

from django.db import migrations

from forgeline.tenancy.rls import DefinerFunction, EnableRowSecurity

_TABLES = ("binding", "connectionstatus", "undecodable", "waitingdevice", "waitingkey")


class Migration(migrations.Migration):
    dependencies = [
        ("connectors", "0001_initial"),
        ("assets", "0002_row_security"),
        ("tenancy", "0002_row_security"),
    ]
    operations = [
        EnableRowSecurity(
            "connectors_connection",
            lookup=True,
            lookup_columns=("id", "tenant_id", "kind", "enabled", "revision"),
        ),
        *(EnableRowSecurity(f"connectors_{table}") for table in _TABLES),
        DefinerFunction(
            "connectors_list_live()",
            returns="TABLE (connection_id bigint, tenant_id bigint, kind text, revision bigint)",
            body="""
                SELECT c.id, c.tenant_id, c.kind::text, c.revision
                FROM connectors_connection c JOIN tenancy_tenant t ON t.id = c.tenant_id
                WHERE c.enabled AND c.kind <> 'broker' AND t.closed_at IS NULL
                ORDER BY c.id
            """,
        ),
        # One row a point; a credential whose device has no point yet comes once, with nulls.
        DefinerFunction(
            "connectors_list_broker_points()",
            returns=(
                "TABLE (username text, tenant_id bigint, device_id bigint, point_id bigint, key text,"
                " kind smallint, expected_interval_s double precision)"
            ),
            body="""
                SELECT c.username::text, c.tenant_id, d.id, p.id::bigint, p.key::text, p.kind, p.expected_interval_s
                FROM assets_devicecredential c
                JOIN assets_device d ON d.id = c.device_id
                JOIN tenancy_tenant t ON t.id = c.tenant_id
                LEFT JOIN assets_point p ON p.device_id = d.id AND p.retired_at IS NULL
                WHERE c.revoked_at IS NULL AND d.retired_at IS NULL AND t.closed_at IS NULL
                ORDER BY c.username, p.id
            """,
        ),
    ]
