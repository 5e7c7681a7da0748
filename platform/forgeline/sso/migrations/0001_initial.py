"""Providers, domains and identities; what of them must be known before a company is."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.audit.tables import AuditRows
from forgeline.tenancy.rls import DefinerFunction, DropDefinerFunction, EnableRowSecurity


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
# What the company to which the person belongs (a partner, for its customers) asks of their sessions.
MEMBERSHIPS = """
    SELECT e.tenant_id, e.tenant_name, e.role, e.own_permissions, e.branches, e.kind, e.via_id, e.via_name, e.via_role,
           e.via_permissions, e.expires_at, p.generation, COALESCE(p.is_required, false) AND EXISTS (
        SELECT 1 FROM sso_domain d JOIN identity_user u ON u.id = wanted_user
        WHERE d.tenant_id = p.tenant_id AND d.proven_at IS NOT NULL
          AND d.name = lower(split_part(u.email, '@', 2))
    )
    FROM (
        SELECT m.tenant_id, t.name::text AS tenant_name, m.role::text AS role,
               r.permissions::text[] AS own_permissions, m.branches::text[] AS branches, t.kind::text AS kind,
               NULL::bigint AS via_id, ''::text AS via_name, ''::text AS via_role, NULL::text[] AS via_permissions,
               NULL::timestamptz AS expires_at, m.id AS place
        FROM identity_membership m JOIN tenancy_tenant t ON t.id = m.tenant_id
        LEFT JOIN identity_ownrole r ON r.tenant_id = m.tenant_id AND r.key = m.role
        WHERE m.user_id = wanted_user AND m.deactivated_at IS NULL AND t.closed_at IS NULL
        UNION ALL
        SELECT g.tenant_id, t.name::text, g.role::text, gr.permissions::text[], g.branches::text[], t.kind::text,
               p.id, p.name::text, m.role::text, mr.permissions::text[], g.expires_at, g.id
        FROM identity_membership m
        JOIN tenancy_tenant p ON p.id = m.tenant_id AND p.kind = 'partner' AND p.closed_at IS NULL
        JOIN identity_partnergrant g ON g.partner_id = p.id AND g.revoked_at IS NULL AND g.expires_at > now()
        JOIN tenancy_tenant t ON t.id = g.tenant_id AND t.closed_at IS NULL
        LEFT JOIN identity_ownrole gr ON gr.tenant_id = g.tenant_id AND gr.key = g.role
        LEFT JOIN identity_ownrole mr ON mr.tenant_id = m.tenant_id AND mr.key = m.role
        WHERE m.user_id = wanted_user AND m.deactivated_at IS NULL AND cardinality(m.branches) = 0
    ) AS e
    LEFT JOIN sso_provider p ON p.tenant_id = COALESCE(e.via_id, e.tenant_id)
    ORDER BY e.via_id NULLS FIRST, e.place
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("identity", "0008_partners"),
        ("tenancy", "0004_industry"),
        ("audit", "0001_initial"),
    ]
    operations = [
        migrations.CreateModel(
            name="Provider",
            fields=[
                _id(),
                ("discovery_url", models.CharField(max_length=500, verbose_name="discovery address")),
                ("issuer", models.CharField(max_length=500)),
                ("client_id", models.CharField(max_length=200, verbose_name="client id")),
                ("secret_sealed", models.TextField()),
                ("role", models.CharField(blank=True, max_length=20, verbose_name="role of new people")),
                ("trusts_email", models.BooleanField(default=False, verbose_name="its addresses count as proven")),
                ("is_required", models.BooleanField(default=False, verbose_name="required")),
                ("generation", models.PositiveIntegerField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                _tenant(),
            ],
            options={
                **_META, "verbose_name": "sign-on provider",
                "constraints": [models.UniqueConstraint(fields=("tenant",), name="sso_provider_once")],
            },
        ),
        migrations.CreateModel(
            name="Domain",
            fields=[
                _id(),
                ("name", models.CharField(max_length=253, verbose_name="domain")),
                ("token", models.CharField(max_length=64)),
                ("proven_at", models.DateTimeField(null=True)),
                _tenant(),
            ],
            options={
                **_META, "verbose_name": "e-mail domain", "ordering": ["name"],
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "name"), name="sso_domain_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("proven_at__isnull", False)), fields=("name",), name="sso_domain_of_one"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Identity",
            fields=[
                _id(),
                ("issuer", models.CharField(max_length=500)),
                ("subject", models.CharField(max_length=255)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("last_used_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                _tenant(),
            ],
            options={
                **_META, "verbose_name": "person at the provider",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "issuer", "subject"), name="sso_identity_once"),
                    models.UniqueConstraint(fields=("tenant", "issuer", "user"), name="sso_identity_of_one"),
                ],
            },
        ),
        EnableRowSecurity(
            "sso_provider", lookup=True, lookup_columns=("tenant_id", "is_required", "generation")
        ),
        EnableRowSecurity("sso_domain", lookup=True, lookup_columns=("tenant_id", "name", "proven_at")),
        EnableRowSecurity("sso_identity"),
        AuditRows("sso_provider", kind="sso.provider", label="issuer", secret=["secret_sealed"]),
        AuditRows("sso_domain", kind="sso.domain", secret=["token"]),
        AuditRows(
            "sso_identity", kind="sso.identity", label="user_id@identity_user.email", left_out=["last_used_at"]
        ),
        migrations.RunSQL(
            [
                "GRANT SELECT (slug) ON tenancy_tenant TO forgeline_lookup",
                "GRANT SELECT (id, email) ON identity_user TO forgeline_lookup",
            ],
            reverse_sql=[
                "REVOKE SELECT (slug) ON tenancy_tenant FROM forgeline_lookup",
                "REVOKE SELECT (id, email) ON identity_user FROM forgeline_lookup",
            ],
        ),
        # By its short name, or by the domain of an address: which company, and nothing else of it.
        DefinerFunction(
            "sso_find_company(wanted text)",
            returns="TABLE (tenant_id bigint, slug text, tenant_name text)",
            body="""
                SELECT t.id, t.slug::text, t.name::text
                FROM sso_provider p JOIN tenancy_tenant t ON t.id = p.tenant_id
                WHERE t.closed_at IS NULL AND (t.slug = wanted OR EXISTS (
                    SELECT 1 FROM sso_domain d
                    WHERE d.tenant_id = t.id AND d.name = wanted AND d.proven_at IS NOT NULL
                ))
                ORDER BY t.slug = wanted DESC LIMIT 1
            """,
        ),
        # What each company asks of this person's sessions stands beside the membership: one question a request.
        DropDefinerFunction("identity_list_memberships(bigint)"),
        DefinerFunction(
            "identity_list_memberships(wanted_user bigint)",
            returns="TABLE (tenant_id bigint, tenant_name text, role text, own_permissions text[], branches text[], "
            "kind text, via_id bigint, via_name text, via_role text, via_permissions text[], expires_at timestamptz, "
            "sso_generation integer, sso_required boolean)",
            body=MEMBERSHIPS,
        ),
    ]  # fmt: skip
