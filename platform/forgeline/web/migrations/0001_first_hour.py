"""How far a company is in its first hour."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.tenancy.rls import EnableRowSecurity


def _id() -> tuple[str, models.Field]:
    return (
        "id",
        models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
    )


def _tenant() -> tuple[str, models.Field]:
    return (
        "tenant",
        models.ForeignKey(
            default=forgeline.tenancy.context.require_tenant_id, editable=False,
            on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.tenant",
        ),
    )  # fmt: skip


_META = {"abstract": False, "base_manager_name": "objects", "default_manager_name": "objects"}


class Migration(migrations.Migration):
    initial = True
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL), ("tenancy", "0004_industry")]
    operations = [
        migrations.CreateModel(
            name="StepRecord",
            fields=[
                _id(),
                ("key", models.CharField(max_length=80)),
                ("done_at", models.DateTimeField(null=True)),
                ("skipped_at", models.DateTimeField(null=True)),
                _tenant(),
            ],
            options={
                **_META,
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "key"), name="web_steprecord_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="FirstHourDismissal",
            fields=[
                _id(),
                ("dismissed_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                _tenant(),
            ],
            options={
                **_META,
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "user"), name="web_firsthourdismissal_once")
                ],
            },
        ),
        EnableRowSecurity("web_steprecord"),
        EnableRowSecurity("web_firsthourdismissal"),
    ]
