"""Memberships and keys belong to tenants; two narrow functions read them before a tenant is known."""

from django.db import migrations

from forgeline.tenancy.rls import DefinerFunction, EnableRowSecurity


class Migration(migrations.Migration):
    dependencies = [("identity", "0001_initial"), ("tenancy", "0002_row_security")]
    operations = [
        EnableRowSecurity("identity_membership", lookup=True),
        EnableRowSecurity("identity_apikey", lookup=True),
        DefinerFunction(
            "identity_list_memberships(wanted_user bigint)",
            returns="TABLE (tenant_id bigint, tenant_name text, role text)",
            body="""
                SELECT m.tenant_id, t.name::text, m.role::text
                FROM identity_membership m JOIN tenancy_tenant t ON t.id = m.tenant_id
                WHERE m.user_id = wanted_user AND t.closed_at IS NULL
                ORDER BY m.id
            """,
        ),
        DefinerFunction(
            "identity_find_api_key(wanted_digest text)",
            returns="TABLE (api_key_id bigint, tenant_id bigint, role text, name text)",
            body="""
                SELECT k.id, k.tenant_id, k.role::text, k.name::text
                FROM identity_apikey k JOIN tenancy_tenant t ON t.id = k.tenant_id
                WHERE k.digest = wanted_digest AND k.revoked_at IS NULL AND t.closed_at IS NULL
                  AND (k.expires_at IS NULL OR k.expires_at > now())
            """,
        ),
    ]
