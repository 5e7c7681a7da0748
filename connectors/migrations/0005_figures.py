"""What the operator sees of connections: how many are in which state, and what they have dropped."""

from django.db import migrations

from forgeline.tenancy.rls import DefinerFunction

_COLUMNS = "tenant_id, connection_id, state, updated_at, rates"


class Migration(migrations.Migration):
    dependencies = [("connectors", "0004_audit"), ("tenancy", "0005_kind")]
    operations = [
        migrations.RunSQL(
            [
                "CREATE POLICY lookup ON connectors_connectionstatus FOR SELECT TO forgeline_lookup USING (true)",
                f"GRANT SELECT ({_COLUMNS}) ON connectors_connectionstatus TO forgeline_lookup",
            ],
            reverse_sql=[
                "DROP POLICY lookup ON connectors_connectionstatus",
                f"REVOKE SELECT ({_COLUMNS}) ON connectors_connectionstatus FROM forgeline_lookup",
            ],
        ),
        # A state that nobody has renewed for a minute is nobody's any more: its process is gone.
        DefinerFunction(
            "connectors_operator_states()",
            returns="TABLE (state text, connections bigint, tenants bigint, samples_per_s double precision)",
            body="""
                SELECT CASE WHEN NOT c.enabled THEN 'disabled' WHEN s.connection_id IS NULL THEN 'new'
                            WHEN s.updated_at < now() - interval '1 minute' THEN 'silent' ELSE s.state::text END,
                       count(*), count(DISTINCT c.tenant_id),
                       COALESCE(sum(CASE WHEN s.updated_at >= now() - interval '1 minute'
                                         THEN (s.rates ->> 'samples_per_s')::double precision END), 0)
                FROM connectors_connection c LEFT JOIN connectors_connectionstatus s ON s.connection_id = c.id
                WHERE (SELECT tenancy_is_operator())
                GROUP BY 1 ORDER BY 1
            """,
        ),
    ]  # fmt: skip
