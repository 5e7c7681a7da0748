"""What is foretold of a machine belongs to its company and its branch; who labels an advisory is named."""

from django.db import migrations

from forgeline.audit.tables import AuditRows
from forgeline.tenancy.rls import EnableRowSecurity, LimitToBranches

_OF_ASSET = "asset_id = ANY ((SELECT assets_in_branches())::bigint[])"
_TABLES = ("watch", "condition", "episode", "advisory")


class Migration(migrations.Migration):
    dependencies = [("health", "0003_condition")]
    operations = [
        *(EnableRowSecurity(f"health_{table}") for table in _TABLES),
        *(LimitToBranches(f"health_{table}", write=_OF_ASSET) for table in _TABLES),
        AuditRows("health_advisory", kind="health.advisory", label="kind", left_out=["data", "evidence_to"]),
    ]
