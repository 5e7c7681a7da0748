"""Who acts at a company without belonging to it: partners by its grant, the operator's people for half an hour."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.audit.tables import AuditRows
from forgeline.tenancy.rls import DefinerFunction, DropDefinerFunction, EnableRowSecurity

_ID = ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))
_TENANT = (
    "tenant",
    models.ForeignKey(
        default=forgeline.tenancy.context.require_tenant_id, editable=False,
        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.tenant",
    ),
)  # fmt: skip
_OWN = {"abstract": False, "base_manager_name": "objects", "default_manager_name": "objects"}
# Own memberships first, in the order in which they began; then what partners may.
MEMBERSHIPS = """
    SELECT tenant_id, tenant_name, role, own_permissions, branches, kind, via_id, via_name, via_role, via_permissions,
           expires_at
    FROM (
        SELECT m.id AS place, m.tenant_id, t.name::text AS tenant_name, m.role::text AS role,
               r.permissions::text[] AS own_permissions, m.branches::text[] AS branches, t.kind::text AS kind,
               NULL::bigint AS via_id, ''::text AS via_name, ''::text AS via_role, NULL::text[] AS via_permissions,
               NULL::timestamptz AS expires_at
        FROM identity_membership m JOIN tenancy_tenant t ON t.id = m.tenant_id
        LEFT JOIN identity_ownrole r ON r.tenant_id = m.tenant_id AND r.key = m.role
        WHERE m.user_id = wanted_user AND m.deactivated_at IS NULL AND t.closed_at IS NULL
        UNION ALL
        SELECT g.id, g.tenant_id, t.name::text, g.role::text, gr.permissions::text[], g.branches::text[], t.kind::text,
               p.id, p.name::text, m.role::text, mr.permissions::text[], g.expires_at
        FROM identity_membership m
        JOIN tenancy_tenant p ON p.id = m.tenant_id AND p.kind = 'partner' AND p.closed_at IS NULL
        JOIN identity_partnergrant g ON g.partner_id = p.id AND g.revoked_at IS NULL AND g.expires_at > now()
        JOIN tenancy_tenant t ON t.id = g.tenant_id AND t.closed_at IS NULL
        LEFT JOIN identity_ownrole gr ON gr.tenant_id = g.tenant_id AND gr.key = g.role
        LEFT JOIN identity_ownrole mr ON mr.tenant_id = m.tenant_id AND mr.key = m.role
        WHERE m.user_id = wanted_user AND m.deactivated_at IS NULL AND cardinality(m.branches) = 0
    ) AS every
    ORDER BY via_id NULLS FIRST, place
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0007_addresses"), ("tenancy", "0005_kind")]
    operations = [
        migrations.CreateModel(
            name="PartnerGrant",
            fields=[
                _ID,
                ("role", models.CharField(default="viewer", max_length=20, verbose_name="role")),
                (
                    "branches",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=255), blank=True, default=list, size=None
                    ),
                ),
                ("partner_name", models.CharField(max_length=120, verbose_name="partner")),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="what for")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(verbose_name="until")),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "granted_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.tenant"
                    ),
                ),
                _TENANT,
            ],
            options={
                **_OWN,
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["partner", "tenant"], name="identity_partnergrant_of")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("revoked_at", None)), fields=("tenant", "partner"),
                        name="identity_partnergrant_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Impersonation",
            fields=[
                _ID,
                ("on_behalf", models.CharField(max_length=160)),
                ("reason", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="identity.membership"
                    ),
                ),
                _TENANT,
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options=_OWN,
        ),
        EnableRowSecurity("identity_partnergrant", lookup=True),
        EnableRowSecurity("identity_impersonation", lookup=True),
        AuditRows(
            "identity_partnergrant", kind="identity.partner", label="partner_name", left_out=["partner_name"]
        ),
        AuditRows("identity_impersonation", kind="identity.impersonation", label="on_behalf"),
        DropDefinerFunction("identity_list_memberships(bigint)"),
        DefinerFunction(
            "identity_list_memberships(wanted_user bigint)",
            returns="TABLE (tenant_id bigint, tenant_name text, role text, own_permissions text[], branches text[], "
            "kind text, via_id bigint, via_name text, via_role text, via_permissions text[], expires_at timestamptz)",
            body=MEMBERSHIPS,
        ),
        DropDefinerFunction("identity_find_api_key(text)"),
        DefinerFunction(
            "identity_find_api_key(wanted_digest text)",
            returns="TABLE (api_key_id bigint, tenant_id bigint, role text, name text, own_permissions text[], "
            "permissions text[], branches text[], kind text)",
            body="""
                SELECT k.id, k.tenant_id, k.role::text, k.name::text, r.permissions::text[], k.permissions::text[],
                       k.branches::text[], t.kind::text
                FROM identity_apikey k JOIN tenancy_tenant t ON t.id = k.tenant_id
                LEFT JOIN identity_ownrole r ON r.tenant_id = k.tenant_id AND r.key = k.role
                WHERE k.digest = wanted_digest AND k.revoked_at IS NULL AND t.closed_at IS NULL
                  AND (k.expires_at IS NULL OR k.expires_at > now())
            """,
        ),
        DefinerFunction(
            "identity_find_partner(wanted_slug text)",
            returns="TABLE (tenant_id bigint, tenant_name text)",
            body="""
                SELECT id, name::text FROM tenancy_tenant
                WHERE slug = wanted_slug AND kind = 'partner' AND closed_at IS NULL
            """,
        ),
        # To the partner in force, of what is granted to itself.
        DefinerFunction(
            "identity_list_customers()",
            returns="TABLE (tenant_id bigint, tenant_name text, role text, own_role text, branches text[], "
            "expires_at timestamptz, reason text)",
            body="""
                SELECT g.tenant_id, t.name::text, g.role::text, r.name::text, g.branches::text[], g.expires_at,
                       g.reason::text
                FROM identity_partnergrant g JOIN tenancy_tenant t ON t.id = g.tenant_id
                LEFT JOIN identity_ownrole r ON r.tenant_id = g.tenant_id AND r.key = g.role
                WHERE g.partner_id = NULLIF(current_setting('forgeline.tenant_id', true), '')::bigint
                  AND NULLIF(current_setting('forgeline.branches', true), '') IS NULL
                  AND g.revoked_at IS NULL AND t.closed_at IS NULL
                  AND EXISTS (SELECT 1 FROM tenancy_tenant p WHERE p.id = g.partner_id AND p.kind = 'partner')
                ORDER BY t.name, g.id
            """,
        ),
        # While the person still has the console, and the member still belongs to the company.
        DefinerFunction(
            "identity_find_impersonation(wanted_id bigint, wanted_user bigint)",
            returns="TABLE (tenant_id bigint, tenant_name text, role text, own_permissions text[], branches text[], "
            "operator_name text, on_behalf text, expires_at timestamptz)",
            body="""
                SELECT i.tenant_id, t.name::text, m.role::text, r.permissions::text[], m.branches::text[],
                       o.name::text, i.on_behalf::text, i.expires_at
                FROM identity_impersonation i
                JOIN tenancy_tenant t ON t.id = i.tenant_id AND t.closed_at IS NULL
                JOIN identity_membership m ON m.id = i.member_id AND m.deactivated_at IS NULL
                LEFT JOIN identity_ownrole r ON r.tenant_id = m.tenant_id AND r.key = m.role
                JOIN identity_membership om ON om.user_id = i.user_id AND om.deactivated_at IS NULL
                    AND om.role IN ('owner', 'manager') AND cardinality(om.branches) = 0
                JOIN tenancy_tenant o ON o.id = om.tenant_id AND o.kind = 'operator' AND o.closed_at IS NULL
                WHERE i.id = wanted_id AND i.user_id = wanted_user AND i.ended_at IS NULL AND i.expires_at > now()
                LIMIT 1
            """,
        ),
    ]  # fmt: skip
