"""When monitoring of a machine began; runs of the model jobs."""

import django.db.models.deletion
import forgeline.tenancy.context
from django.db import migrations, models

from forgeline.tenancy.rls import EnableRowSecurity


class Migration(migrations.Migration):
    dependencies = [
        ("health", "0004_condition_row_security"),
        ("tenancy", "0005_kind"),
    ]

    operations = [
        migrations.AddField(
            model_name="watch",
            name="began_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="ModelRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("machines", models.PositiveIntegerField()),
                ("due", models.PositiveIntegerField()),
                ("done", models.PositiveIntegerField(default=0)),
                ("cpu_s", models.FloatField(default=0)),
                ("started_at", models.DateTimeField()),
                ("worked_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("fault", models.CharField(blank=True, max_length=200)),
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
                "verbose_name": "model run",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "indexes": [models.Index(fields=["tenant", "-started_at"], name="health_run_newest")],
            },
        ),
        EnableRowSecurity("health_modelrun"),
    ]
