"""Alarms belong to a company; the judge asks which companies have news before it knows any."""

from django.db import migrations

from forgeline.tenancy.rls import DefinerFunction, EnableRowSecurity

_TABLES = ("rule", "ruleversion", "alarm", "journalentry")


class Migration(migrations.Migration):
    dependencies = [("alarms", "0001_alarms"), ("telemetry", "0003_states")]
    operations = [
        *(EnableRowSecurity(f"alarms_{table}") for table in _TABLES),
        EnableRowSecurity("alarms_judgement", lookup=True, lookup_columns=("expires_at",)),
        DefinerFunction(
            "alarms_find_life()",
            returns="timestamptz",
            body="SELECT max(expires_at) FROM alarms_judgement",
        ),
        migrations.RunSQL(
            sql=[
                "CREATE POLICY lookup ON telemetry_commit FOR SELECT TO forgeline_lookup USING (true)",
                "GRANT SELECT (tenant_id, xid, seq) ON telemetry_commit TO forgeline_lookup",
                "GRANT SELECT ON telemetry_follower TO forgeline_lookup",
            ],
            reverse_sql=[
                "DROP POLICY lookup ON telemetry_commit",
                "REVOKE ALL ON telemetry_commit FROM forgeline_lookup",
                "REVOKE ALL ON telemetry_follower FROM forgeline_lookup",
            ],
        ),
        DefinerFunction(
            "alarms_list_news()",
            returns="TABLE (tenant_id bigint)",
            body="""
                SELECT f.tenant_id
                FROM (
                    SELECT split_part(name, ':', 2)::bigint AS tenant_id, xid, seq
                    FROM telemetry_follower WHERE name LIKE 'alarms.judge:%'
                ) f
                WHERE EXISTS (
                    SELECT FROM telemetry_commit c
                    WHERE c.tenant_id = f.tenant_id AND (c.xid, c.seq) > (f.xid, f.seq)
                        AND c.xid < pg_snapshot_xmin(pg_current_snapshot())
                )
            """,
        ),
    ]
