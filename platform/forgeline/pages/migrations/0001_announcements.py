"""What the operator announces: its own rows, which one narrow function shows to whomever they are for."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.audit.tables import AuditRows
from forgeline.tenancy.rls import DefinerFunction, EnableRowSecurity

_ID = ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))


class Migration(migrations.Migration):
    initial = True
    dependencies = [("identity", "0008_partners"), ("tenancy", "0005_kind")]
    operations = [
        migrations.CreateModel(
            name="Announcement",
            fields=[
                _ID,
                ("texts", models.JSONField()),
                (
                    "tone",
                    models.CharField(
                        choices=[("info", "for information"), ("warn", "a warning")], default="info", max_length=4
                    ),
                ),
                ("plan", models.CharField(blank=True, max_length=20)),
                ("from_at", models.DateTimeField()),
                ("to_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("withdrawn_at", models.DateTimeField(null=True)),
                (
                    "company",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+",
                        to="tenancy.tenant",
                    ),
                ),
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
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="PutAway",
            fields=[
                _ID,
                (
                    "announcement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="pages.announcement"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("user", "announcement"), name="pages_putaway_once")
                ],
            },
        ),
        EnableRowSecurity("pages_announcement", lookup=True),
        AuditRows("pages_announcement", kind="pages.announcement", label="id"),
        # For the company in force; the plan is the caller's word, for there is no secret in an announcement to a plan.
        DefinerFunction(
            "pages_list_announcements(wanted_plan text)",
            returns="TABLE (announcement_id bigint, tone text, texts jsonb, from_at timestamptz, to_at timestamptz)",
            body="""
                SELECT a.id, a.tone::text, a.texts, a.from_at, a.to_at
                FROM pages_announcement a JOIN tenancy_tenant o ON o.id = a.tenant_id AND o.kind = 'operator'
                WHERE a.withdrawn_at IS NULL AND a.to_at > now()
                  AND (a.plan = '' OR a.plan = wanted_plan)
                  AND (a.company_id IS NULL
                       OR a.company_id = NULLIF(current_setting('forgeline.tenant_id', true), '')::bigint)
                ORDER BY a.id DESC LIMIT 20
            """,
        ),
    ]  # fmt: skip
