"""How a partner's access ended; short names for its customers; customers for whom letting partners in is off."""

from django.db import migrations, models

from forgeline.tenancy.rls import DefinerFunction, DropDefinerFunction


class Migration(migrations.Migration):
    dependencies = [("identity", "0010_kept_plan"), ("entitlements", "0004_overdue")]
    operations = [
        migrations.AddField(
            "partnergrant", "ending",
            models.CharField(
                blank=True, default="", max_length=12, verbose_name="how it ended",
                choices=[
                    ("taken_back", "taken back"), ("replaced", "another one took its place"),
                    ("no_partner", "the company is no partner any more"),
                ],
            ),
            preserve_default=False,
        ),
        # To the customer in force, of the partners that it has named itself.
        DefinerFunction(
            "identity_list_partner_slugs()",
            returns="TABLE (partner_id bigint, slug text)",
            body="""
                SELECT p.id, p.slug::text FROM tenancy_tenant p
                WHERE EXISTS (SELECT 1 FROM identity_partnergrant g WHERE g.partner_id = p.id
                              AND g.tenant_id = NULLIF(current_setting('forgeline.tenant_id', true), '')::bigint)
            """,
        ),
        DropDefinerFunction("identity_list_customers()"),
        DefinerFunction(
            "identity_list_customers()",
            returns="TABLE (tenant_id bigint, tenant_name text, role text, own_role text, branches text[], "
            "expires_at timestamptz, reason text, is_switched_off boolean)",
            body="""
                SELECT g.tenant_id, t.name::text, g.role::text, r.name::text, g.branches::text[], g.expires_at,
                       g.reason::text, COALESCE(e.switches ->> 'identity.partners' = 'false', false)
                FROM identity_partnergrant g JOIN tenancy_tenant t ON t.id = g.tenant_id
                LEFT JOIN identity_ownrole r ON r.tenant_id = g.tenant_id AND r.key = g.role
                LEFT JOIN entitlements_entitlement e ON e.tenant_id = g.tenant_id
                WHERE g.partner_id = NULLIF(current_setting('forgeline.tenant_id', true), '')::bigint
                  AND NULLIF(current_setting('forgeline.branches', true), '') IS NULL
                  AND g.revoked_at IS NULL AND t.closed_at IS NULL
                  AND EXISTS (SELECT 1 FROM tenancy_tenant p WHERE p.id = g.partner_id AND p.kind = 'partner')
                ORDER BY t.name, g.id
            """,
        ),
    ]  # fmt: skip
