"""Machine states as intervals, a tenant's own."""

import django.db.models.deletion
import forgeline.tenancy.context
from django.db import migrations, models

from forgeline.tenancy.rls import EnableRowSecurity


class Migration(migrations.Migration):
    dependencies = [
        ("assets", "0002_row_security"),
        ("telemetry", "0002_reference"),
        ("tenancy", "0002_row_security"),
    ]

    operations = [
        migrations.CreateModel(
            name="StateInterval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("idle", "Idle"),
                            ("setup", "Set-up"),
                            ("down", "Down"),
                            ("off", "Off"),
                            ("maintenance", "Maintenance"),
                            ("no_data", "No data"),
                        ],
                        max_length=12,
                        verbose_name="state",
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "asset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="assets.asset"
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
                "verbose_name": "machine state",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "indexes": [models.Index(fields=["asset", "ended_at"], name="telemetry_state_ended")],
                "constraints": [
                    models.UniqueConstraint(fields=("asset", "started_at"), name="telemetry_state_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("asset",),
                        name="telemetry_state_one_open",
                    ),
                ],
            },
        ),
        EnableRowSecurity("telemetry_stateinterval"),
    ]
