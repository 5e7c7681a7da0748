"""Who could sign in until now has a proven address."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("identity", "0006_audit"), ("account", "0009_emailaddress_unique_primary_email")]
    operations = [
        migrations.RunSQL(
            """
            INSERT INTO account_emailaddress (user_id, email, verified, "primary")
            SELECT id, email, true, true FROM identity_user
            """,
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
