"""Weekly reports of a plant's alarms belong to companies."""

import django.db.models.deletion
from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.tenancy.rls import EnableRowSecurity


class Migration(migrations.Migration):
    dependencies = [
        ("alarms", "0004_trials"),
        ("assets", "0003_names"),
        ("tenancy", "0002_row_security"),
    ]

    operations = [
        migrations.CreateModel(
            name="AlarmReport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("on", models.DateField(verbose_name="week from")),
                ("from_at", models.DateTimeField()),
                ("to_at", models.DateTimeField()),
                ("made_at", models.DateTimeField(auto_now_add=True)),
                ("alarms", models.PositiveIntegerField(verbose_name="alarms")),
                ("kpis", models.JSONField()),
                ("details", models.JSONField()),
                ("bad_actors", models.JSONField()),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="assets.site"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        default=forgeline.tenancy.context.require_tenant_id,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenancy.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "alarm report",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "indexes": [models.Index(fields=["tenant", "-from_at"], name="alarms_report_newest")],
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "site", "on"), name="alarms_report_once")
                ],
            },
        ),
        EnableRowSecurity("alarms_alarmreport"),
    ]
