"""What the operator sees of the outbox: how much waits, and how much was given up."""

from django.db import migrations

from forgeline.tenancy.rls import DefinerFunction


class Migration(migrations.Migration):
    dependencies = [("notifications", "0003_audit"), ("tenancy", "0005_kind")]
    operations = [
        migrations.RunSQL(
            "GRANT SELECT (created_at) ON notifications_delivery TO forgeline_lookup",
            reverse_sql="REVOKE SELECT (created_at) ON notifications_delivery FROM forgeline_lookup",
        ),
        DefinerFunction(
            "notifications_operator_outbox(since timestamptz)",
            returns="TABLE (waiting bigint, overdue bigint, sent bigint, failed bigint)",
            body="""
                SELECT count(*) FILTER (WHERE state IN ('waiting', 'sending')),
                       count(*) FILTER (WHERE state = 'waiting' AND due_at < now() - interval '1 minute'),
                       count(*) FILTER (WHERE state = 'sent' AND created_at >= since),
                       count(*) FILTER (WHERE state = 'failed' AND created_at >= since)
                FROM notifications_delivery
                WHERE (SELECT tenancy_is_operator()) AND (state IN ('waiting', 'sending') OR created_at >= since)
            """,
        ),
    ]  # fmt: skip
