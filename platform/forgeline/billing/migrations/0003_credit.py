"""Since when a company has a plan, why an invoice was taken back, and what the operator sees of a subscription."""

from django.db import migrations, models

from forgeline.tenancy.rls import DefinerFunction

# Once a statement, not once a row.
IS_OPERATOR = "(SELECT tenancy_is_operator())"


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_console"), ("jobs", "0001_initial")]
    operations = [
        migrations.AddField("subscription", "began_on", models.DateField(null=True)),
        migrations.AddField(
            "invoice",
            "reason",
            models.CharField(blank=True, default="", max_length=200),
            preserve_default=False,
        ),
        migrations.AlterField(
            "seller", "bank", models.JSONField(default=dict, verbose_name="bank and account")
        ),
        migrations.RunSQL(
            "GRANT SELECT (kind) ON jobs_job TO forgeline_lookup",
            reverse_sql="REVOKE SELECT (kind) ON jobs_job FROM forgeline_lookup",
        ),
        DefinerFunction(
            "billing_operator_subscription(wanted_id bigint)",
            returns="TABLE (currency text, balance bigint, period text, from_on date, to_on date, next_plan text, "
            "next_period text, title text, erased_at timestamptz)",
            body=f"""
                SELECT s.currency::text, s.balance, s.period::text, s.from_on, s.to_on, s.next_plan_id::text,
                       s.next_period::text, s.title::text,
                       (SELECT min(j.due_at) FROM jobs_job j WHERE j.tenant_id = t.id
                        AND j.kind = 'transfer.erasure' AND j.state IN ('waiting', 'running'))
                FROM tenancy_tenant t LEFT JOIN billing_subscription s ON s.tenant_id = t.id
                WHERE {IS_OPERATOR} AND t.id = wanted_id
            """,
        ),
    ]
