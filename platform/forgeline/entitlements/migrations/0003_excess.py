"""Who stores more than their plan has, for connectors that poll for all companies."""

from django.db import migrations

from forgeline.tenancy.rls import DefinerFunction


class Migration(migrations.Migration):
    dependencies = [("entitlements", "0002_switches")]
    operations = [
        DefinerFunction(
            "entitlements_list_in_excess()",
            returns="TABLE (tenant_id bigint)",
            body="SELECT e.tenant_id FROM entitlements_entitlement e WHERE e.excess_since IS NOT NULL",
        ),
    ]
