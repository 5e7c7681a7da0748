"""What the operator sees of the way to the disk: how much comes in, and how far behind those are who follow it."""

from django.db import migrations

from forgeline.tenancy.rls import DefinerFunction


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0007_plan"), ("alarms", "0002_row_security"), ("tenancy", "0005_kind")]
    operations = [
        migrations.RunSQL(
            [
                "GRANT SELECT (committed_at, inserted) ON telemetry_commit TO forgeline_lookup",
                "GRANT SELECT ON telemetry_follower TO forgeline_lookup",
            ],
            reverse_sql=[
                "REVOKE SELECT (committed_at, inserted) ON telemetry_commit FROM forgeline_lookup",
                "REVOKE SELECT ON telemetry_follower FROM forgeline_lookup",
            ],
        ),
        DefinerFunction(
            "telemetry_operator_intake(since timestamptz)",
            returns="TABLE (samples bigint, batches bigint, tenants bigint, newest_at timestamptz)",
            body="""
                SELECT COALESCE(sum(inserted), 0)::bigint, count(*), count(DISTINCT tenant_id), max(committed_at)
                FROM telemetry_commit WHERE (SELECT tenancy_is_operator()) AND committed_at >= since
            """,
        ),
        # metering:7 follows one company, as its name says; the others follow all. Counted to 10,000: more is "many".
        DefinerFunction(
            "telemetry_operator_followers()",
            returns="TABLE (name text, followers bigint, behind bigint, moved_at timestamptz)",
            body="""
                SELECT split_part(f.name, ':', 1), count(*), max(late.commits), min(f.moved_at)
                FROM telemetry_follower f,
                LATERAL (
                    SELECT count(*) AS commits FROM (
                        SELECT 1 FROM telemetry_commit c
                        WHERE (c.xid, c.seq) > (f.xid, f.seq)
                          AND (f.name !~ ':[0-9]+$' OR c.tenant_id = substring(f.name from ':([0-9]+)$')::bigint)
                        LIMIT 10000
                    ) AS counted
                ) AS late
                WHERE (SELECT tenancy_is_operator())
                GROUP BY 1 ORDER BY 1
            """,
        ),
    ]  # fmt: skip
