"""Answers kept for requests that are sent twice."""

import django.db.models.deletion
from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.tenancy.rls import EnableRowSecurity


class Migration(migrations.Migration):
    dependencies = [("identity", "0004_own_roles")]
    operations = [
        migrations.CreateModel(
            name="KeptAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64)),
                ("request", models.CharField(max_length=64)),
                ("status", models.PositiveSmallIntegerField()),
                ("content_type", models.CharField(max_length=120)),
                ("body", models.TextField()),
                ("created_at", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        default=forgeline.tenancy.context.require_tenant_id, editable=False,
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False, "base_manager_name": "objects", "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "digest"), name="identity_keptanswer_once"),
                ],
                "indexes": [models.Index(fields=["tenant", "created_at"], name="identity_keptanswer_age")],
            },
        ),
        EnableRowSecurity("identity_keptanswer"),
    ]  # fmt: skip
