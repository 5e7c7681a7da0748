"""Who a key is keeps its plan: it is asked at every call of a program, and planning took most of it (decision 0017)."""

from django.db import migrations

from forgeline.tenancy.rls import DefinerFunction, DropDefinerFunction


class Migration(migrations.Migration):
    dependencies = [("identity", "0009_endings")]
    operations = [
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
            keeps_plan=True,
        ),
    ]
