"""Jobs and their files; narrow functions tell the worker what is open, and how much all files hold."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.tenancy.rls import DefinerFunction, EnableRowSecurity, LimitToBranches


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


def _branches() -> tuple[str, models.Field]:
    field = models.CharField(max_length=255)
    return (
        "branches",
        django.contrib.postgres.fields.ArrayField(base_field=field, blank=True, default=list, size=None),
    )


_META = {"abstract": False, "base_manager_name": "objects", "default_manager_name": "objects"}
_OPEN = models.Q(("state__in", ("waiting", "running")))
# Whoever is limited to parts of the plant sees the jobs of the same parts.
_SAME = "branches::text[] = (SELECT tenancy_branches())"


class Migration(migrations.Migration):
    initial = True
    dependencies = [("tenancy", "0003_branches")]
    operations = [
        migrations.CreateModel(
            name="Job",
            fields=[
                _id(),
                ("kind", models.CharField(max_length=60)),
                ("subject", models.CharField(blank=True, max_length=200)),
                ("permission", models.CharField(max_length=60)),
                _branches(),
                ("facts", models.JSONField(default=dict)),
                ("language", models.CharField(max_length=10)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"), ("running", "running"), ("done", "done"), ("failed", "failed"),
                            ("cancelled", "cancelled"),
                        ],
                        default="waiting", max_length=9,
                    ),
                ),
                ("progress", models.PositiveSmallIntegerField(default=0, verbose_name="progress")),
                ("message", models.CharField(blank=True, max_length=500)),
                ("result", models.JSONField(null=True)),
                ("created_at", models.DateTimeField()),
                ("created_by", models.CharField(max_length=160)),
                ("user_id", models.BigIntegerField(null=True)),
                ("api_key_id", models.BigIntegerField(null=True)),
                ("due_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("position", models.JSONField(default=dict)),
                ("worker", models.CharField(blank=True, max_length=32)),
                ("claimed_until", models.DateTimeField(null=True)),
                ("worked_at", models.DateTimeField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                _tenant(),
            ],
            options={
                **_META, "verbose_name": "job",
                "indexes": [
                    models.Index(condition=_OPEN, fields=["due_at"], name="jobs_job_open"),
                    models.Index(fields=["tenant", "-id"], name="jobs_job_newest"),
                ],
            },
        ),
        migrations.CreateModel(
            name="File",
            fields=[
                _id(),
                ("name", models.CharField(max_length=120)),
                ("content_type", models.CharField(max_length=100)),
                ("place", models.CharField(max_length=64)),
                ("size_bytes", models.BigIntegerField(default=0)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("is_input", models.BooleanField(default=False)),
                ("is_complete", models.BooleanField(default=False)),
                _branches(),
                ("user_id", models.BigIntegerField(null=True)),
                ("api_key_id", models.BigIntegerField(null=True)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                (
                    "job",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="files", to="jobs.job"
                    ),
                ),
                _tenant(),
            ],
            options={**_META, "verbose_name": "file", "ordering": ["id"]},
        ),
        EnableRowSecurity(
            "jobs_job", lookup=True,
            lookup_columns=("tenant_id", "id", "state", "due_at", "claimed_until", "worked_at"),
        ),
        EnableRowSecurity("jobs_file", lookup=True, lookup_columns=("size_bytes",)),
        LimitToBranches("jobs_job", write=_SAME),
        LimitToBranches("jobs_file", write=_SAME),
        DefinerFunction(
            "jobs_list_open(moment timestamptz)",
            returns="TABLE (tenant_id bigint, job_id bigint, claimed_until timestamptz)",
            body="""
                SELECT j.tenant_id, j.id, j.claimed_until FROM jobs_job j
                WHERE j.state IN ('waiting', 'running') AND j.due_at <= moment ORDER BY j.worked_at NULLS FIRST, j.id
            """,
        ),
        DefinerFunction(
            "jobs_sum_files()",
            returns="bigint",
            body="SELECT COALESCE(sum(f.size_bytes), 0)::bigint FROM jobs_file f",
        ),
    ]  # fmt: skip
