"""Roles of a company's own; grants that are for branches of the plant alone; keys with fewer permissions."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.tenancy.rls import DefinerFunction, DropDefinerFunction, EnableRowSecurity

_BRANCHES = django.contrib.postgres.fields.ArrayField(
    base_field=models.CharField(max_length=255), blank=True, default=list, size=None
)
_ROLE = models.CharField(default="viewer", max_length=20, verbose_name="role")
_GRANTS = ("membership", "invitation", "apikey")


class Migration(migrations.Migration):
    dependencies = [("identity", "0003_people"), ("tenancy", "0003_branches")]
    operations = [
        migrations.CreateModel(
            name="OwnRole",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=20)),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                (
                    "permissions",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60), default=list, size=None
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        default=forgeline.tenancy.context.require_tenant_id, editable=False,
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "role", "ordering": ["name"], "abstract": False,
                "base_manager_name": "objects", "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "key"), name="identity_ownrole_key_once"),
                    models.UniqueConstraint(fields=("tenant", "name"), name="identity_ownrole_name_once"),
                ],
            },
        ),
        EnableRowSecurity("identity_ownrole", lookup=True),
        *(migrations.AlterField(grant, "role", _ROLE) for grant in _GRANTS),
        *(migrations.AddField(grant, "branches", _BRANCHES) for grant in _GRANTS),
        migrations.AddField(
            "apikey", "permissions",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=60), blank=True, null=True, size=None
            ),
        ),
        migrations.AddField(
            "apikey", "replaces",
            models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+",
                to="identity.apikey",
            ),
        ),
        DropDefinerFunction("identity_list_memberships(bigint)"),
        DefinerFunction(
            "identity_list_memberships(wanted_user bigint)",
            returns="TABLE (tenant_id bigint, tenant_name text, role text, own_permissions text[], branches text[])",
            body="""
                SELECT m.tenant_id, t.name::text, m.role::text, r.permissions::text[], m.branches::text[]
                FROM identity_membership m JOIN tenancy_tenant t ON t.id = m.tenant_id
                LEFT JOIN identity_ownrole r ON r.tenant_id = m.tenant_id AND r.key = m.role
                WHERE m.user_id = wanted_user AND m.deactivated_at IS NULL AND t.closed_at IS NULL
                ORDER BY m.id
            """,
        ),
        DropDefinerFunction("identity_find_api_key(text)"),
        DefinerFunction(
            "identity_find_api_key(wanted_digest text)",
            returns="TABLE (api_key_id bigint, tenant_id bigint, role text, name text, own_permissions text[], "
            "permissions text[], branches text[])",
            body="""
                SELECT k.id, k.tenant_id, k.role::text, k.name::text, r.permissions::text[], k.permissions::text[],
                       k.branches::text[]
                FROM identity_apikey k JOIN tenancy_tenant t ON t.id = k.tenant_id
                LEFT JOIN identity_ownrole r ON r.tenant_id = k.tenant_id AND r.key = k.role
                WHERE k.digest = wanted_digest AND k.revoked_at IS NULL AND t.closed_at IS NULL
                  AND (k.expires_at IS NULL OR k.expires_at > now())
            """,
        ),
    ]  # fmt: skip
