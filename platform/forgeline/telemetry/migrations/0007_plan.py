"""What a company chose to keep, beside what holds: its plan may keep less."""

from django.db import migrations

from forgeline.tenancy.rls import EnableRowSecurity


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0006_audit"), ("entitlements", "0001_initial")]
    operations = [
        migrations.RunSQL(
            """
            ALTER TABLE telemetry_retention ADD COLUMN chosen_days double precision CHECK (chosen_days > 0);
            ALTER TABLE telemetry_retention DISABLE TRIGGER audit_rows;
            ALTER TABLE telemetry_retention NO FORCE ROW LEVEL SECURITY;
            UPDATE telemetry_retention SET chosen_days = raw_days;
            ALTER TABLE telemetry_retention FORCE ROW LEVEL SECURITY;
            ALTER TABLE telemetry_retention ENABLE TRIGGER audit_rows;
            """,
            reverse_sql="ALTER TABLE telemetry_retention DROP COLUMN chosen_days",
        ),
        migrations.RunSQL(
            """
            CREATE TABLE telemetry_excess (
                id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
                tenant_id bigint NOT NULL REFERENCES tenancy_tenant (id) ON DELETE CASCADE,
                from_at timestamptz NOT NULL,
                to_at timestamptz
            );
            CREATE POLICY ingest ON telemetry_excess TO forgeline_ingest USING (true) WITH CHECK (true);
            GRANT SELECT, UPDATE, DELETE ON telemetry_excess TO forgeline_ingest;
            """,
            reverse_sql="DROP TABLE telemetry_excess",
        ),
        EnableRowSecurity("telemetry_excess"),
    ]
