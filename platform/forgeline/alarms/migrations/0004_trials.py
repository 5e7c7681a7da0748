"""Trials of rules belong to companies; a narrow function tells the worker which are not through."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.tenancy.rls import DefinerFunction, EnableRowSecurity


class Migration(migrations.Migration):
    dependencies = [
        ("alarms", "0002_row_security"),
        ("assets", "0003_names"),
        ("tenancy", "0002_row_security"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Trial",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("profile", models.CharField(blank=True, max_length=60, verbose_name="profile")),
                ("key", models.SlugField(blank=True, max_length=60, verbose_name="key")),
                ("definition", models.JSONField()),
                ("days", models.PositiveSmallIntegerField(verbose_name="days")),
                ("from_us", models.BigIntegerField()),
                ("to_us", models.BigIntegerField()),
                ("language", models.CharField(max_length=10)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("progress", models.PositiveSmallIntegerField(default=0, verbose_name="progress")),
                ("result", models.JSONField(null=True)),
                ("error", models.CharField(blank=True, max_length=500)),
                ("worker", models.CharField(blank=True, max_length=64)),
                ("claimed_until", models.DateTimeField(null=True)),
                ("worked_at", models.DateTimeField(null=True)),
                ("done", models.JSONField(default=list)),
                ("kept", models.BinaryField(null=True)),
                (
                    "asset",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="assets.asset",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
                "verbose_name": "trial of a rule",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("finished_at", None)),
                        fields=["claimed_until"],
                        name="alarms_trial_open",
                    )
                ],
            },
        ),
        EnableRowSecurity(
            "alarms_trial",
            lookup=True,
            lookup_columns=("tenant_id", "id", "claimed_until", "worked_at", "finished_at"),
        ),
        DefinerFunction(
            "alarms_list_trials()",
            returns="TABLE (tenant_id bigint, trial_id bigint, claimed_until timestamptz)",
            body="""
                SELECT t.tenant_id, t.id, t.claimed_until FROM alarms_trial t
                WHERE t.finished_at IS NULL ORDER BY t.worked_at NULLS FIRST, t.id
            """,
        ),
    ]
