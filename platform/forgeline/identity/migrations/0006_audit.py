"""Whoever changes members, invitations, roles and keys is named."""

from django.db import migrations

from forgeline.audit.tables import AuditRows


class Migration(migrations.Migration):
    dependencies = [("identity", "0005_kept_answers"), ("audit", "0001_initial")]
    operations = [
        AuditRows("identity_membership", kind="identity.member", label="user_id@identity_user.email"),
        AuditRows("identity_invitation", kind="identity.invitation", label="email", secret=["digest"]),
        AuditRows("identity_ownrole", kind="identity.role"),
        AuditRows("identity_apikey", kind="identity.key", secret=["digest"], left_out=["last_used_at"]),
    ]
