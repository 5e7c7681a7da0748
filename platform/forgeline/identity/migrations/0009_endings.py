"""What ends with a partner's grant; and a link of an invitation that only its address is sent."""

from django.db import migrations, models

from forgeline.audit.tables import AuditRows
from forgeline.tenancy.rls import DefinerFunction, DropDefinerFunction


class Migration(migrations.Migration):
    dependencies = [("identity", "0008_partners")]
    operations = [
        migrations.AddField("partnergrant", "ended_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "invitation", "mail_digest", models.CharField(blank=True, max_length=64, null=True, unique=True)
        ),
        migrations.RunSQL(
            ["DROP TRIGGER audit_rows ON identity_invitation", "DROP TRIGGER audit_rows ON identity_partnergrant"],
            reverse_sql=migrations.RunSQL.noop,
        ),
        AuditRows(
            "identity_invitation", kind="identity.invitation", label="email", secret=["digest", "mail_digest"]
        ),
        AuditRows(
            "identity_partnergrant", kind="identity.partner", label="partner_name",
            left_out=["partner_name", "ended_at"],
        ),
        DefinerFunction(
            "identity_list_ended_grants()",
            returns="TABLE (tenant_id bigint, grant_id bigint)",
            body="""
                SELECT g.tenant_id, g.id
                FROM identity_partnergrant g JOIN tenancy_tenant t ON t.id = g.tenant_id AND t.closed_at IS NULL
                WHERE g.ended_at IS NULL
                  AND (g.revoked_at IS NOT NULL OR g.expires_at <= now()
                       OR NOT EXISTS (SELECT 1 FROM tenancy_tenant p WHERE p.id = g.partner_id
                                      AND p.kind = 'partner' AND p.closed_at IS NULL))
                ORDER BY g.tenant_id, g.id
            """,
        ),
        DropDefinerFunction("identity_find_invitation(text)"),
        DefinerFunction(
            "identity_find_invitation(wanted_digest text)",
            returns="TABLE (invitation_id bigint, tenant_id bigint, tenant_name text, email text, role text, "
            "is_proven boolean)",
            body="""
                SELECT i.id, i.tenant_id, t.name::text, i.email::text, i.role::text,
                       i.mail_digest IS NOT DISTINCT FROM wanted_digest
                FROM identity_invitation i JOIN tenancy_tenant t ON t.id = i.tenant_id
                WHERE (i.digest = wanted_digest OR i.mail_digest = wanted_digest)
                  AND i.accepted_at IS NULL AND i.withdrawn_at IS NULL AND i.expires_at > now()
                  AND t.closed_at IS NULL
            """,
        ),
    ]  # fmt: skip
