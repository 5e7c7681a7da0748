"""More roles, invitations, and members who may not come in any more. The first manager of each company owns it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.tenancy.rls import DefinerFunction, DropDefinerFunction, EnableRowSecurity

ROLES = [
    ("owner", "Owner"), ("manager", "Plant manager"), ("engineer", "Engineer"), ("maintenance", "Maintenance"),
    ("operator", "Operator"), ("viewer", "Viewer"), ("integrator", "Integrator"),
]  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("identity", "0002_row_security"), ("tenancy", "0002_row_security")]
    operations = [
        migrations.AddField("membership", "deactivated_at", models.DateTimeField(blank=True, null=True)),
        migrations.AlterField(
            "apikey", "role",
            models.CharField(choices=ROLES, default="viewer", max_length=20, verbose_name="role"),
        ),
        migrations.AlterField(
            "membership", "role",
            models.CharField(choices=ROLES, default="viewer", max_length=20, verbose_name="role"),
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("email", models.EmailField(max_length=254, verbose_name="e-mail")),
                ("role", models.CharField(choices=ROLES, default="viewer", max_length=20, verbose_name="role")),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True)),
                (
                    "invited_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
                "verbose_name": "invitation", "ordering": ["-created_at"], "abstract": False,
                "base_manager_name": "objects", "default_manager_name": "objects",
            },
        ),
        EnableRowSecurity("identity_invitation", lookup=True),
        # Forced, row-level security would hide every company from the migration itself.
        migrations.RunSQL(
            [
                "ALTER TABLE identity_membership NO FORCE ROW LEVEL SECURITY",
                (
                    "UPDATE identity_membership SET role = 'owner' WHERE id IN "
                    "(SELECT min(id) FROM identity_membership WHERE role = 'manager' GROUP BY tenant_id)"
                ),
                "ALTER TABLE identity_membership FORCE ROW LEVEL SECURITY",
            ],
            reverse_sql=migrations.RunSQL.noop,
        ),
        DropDefinerFunction("identity_list_memberships(bigint)"),
        DefinerFunction(
            "identity_list_memberships(wanted_user bigint)",
            returns="TABLE (tenant_id bigint, tenant_name text, role text)",
            body="""
                SELECT m.tenant_id, t.name::text, m.role::text
                FROM identity_membership m JOIN tenancy_tenant t ON t.id = m.tenant_id
                WHERE m.user_id = wanted_user AND m.deactivated_at IS NULL AND t.closed_at IS NULL
                ORDER BY m.id
            """,
        ),
        DefinerFunction(
            "identity_find_invitation(wanted_digest text)",
            returns="TABLE (invitation_id bigint, tenant_id bigint, tenant_name text, email text, role text)",
            body="""
                SELECT i.id, i.tenant_id, t.name::text, i.email::text, i.role::text
                FROM identity_invitation i JOIN tenancy_tenant t ON t.id = i.tenant_id
                WHERE i.digest = wanted_digest AND i.accepted_at IS NULL AND i.withdrawn_at IS NULL
                  AND i.expires_at > now() AND t.closed_at IS NULL
            """,
        ),
    ]  # fmt: skip
