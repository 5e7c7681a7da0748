"""A tenant sees its own row; workers may list the ids of live tenants."""

from django.db import migrations

from forgeline.tenancy.rls import DefinerFunction, EnableRowSecurity


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0001_initial")]
    operations = [
        EnableRowSecurity(
            "tenancy_tenant",
            column="id",
            lookup=True,
            lookup_columns=("id", "name", "closed_at", "adopts_unknown"),
        ),
        DefinerFunction(
            "tenancy_list_tenant_ids()",
            returns="TABLE (tenant_id bigint)",
            body="SELECT id FROM tenancy_tenant WHERE closed_at IS NULL ORDER BY id",
        ),
    ]
