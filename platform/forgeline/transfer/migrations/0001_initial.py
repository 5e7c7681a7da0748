"""The record of erasures; the audit's tombstone outlives its company, as invoices do."""

from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.tenancy.rls import DefinerFunction, EnableRowSecurity


class Migration(migrations.Migration):
    initial = True
    dependencies = [("tenancy", "0003_branches")]
    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "tenant_id",
                    models.BigIntegerField(
                        default=forgeline.tenancy.context.require_tenant_id, editable=False, unique=True
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("asked_at", models.DateTimeField()),
                ("begun_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("counts", models.JSONField(default=dict)),
                ("left", models.JSONField(default=dict)),
            ],
            options={"base_manager_name": "objects", "default_manager_name": "objects"},
        ),
        EnableRowSecurity("transfer_erasure", lookup=True),
        DefinerFunction(
            "transfer_list_erasures()",
            returns="TABLE (tenant_id bigint, name text, asked_at timestamptz, begun_at timestamptz, "
            "ended_at timestamptz, counts jsonb, left_over jsonb)",
            body="""
                SELECT e.tenant_id, e.name, e.asked_at, e.begun_at, e.ended_at, e.counts, e."left"
                FROM transfer_erasure e ORDER BY e.id
            """,
        ),
    ]  # fmt: skip
