"""Every row belongs to its company, and to the branch of its machine; whoever changes one is named."""

from django.db import migrations

from forgeline.audit.tables import AuditRows
from forgeline.tenancy.rls import DefinerFunction, EnableRowSecurity, LimitToBranches

_OF_ASSET = "asset_id = ANY ((SELECT assets_in_branches())::bigint[])"
# Store and routes are the plant's: whoever has a part of it takes parts and walks.
_OF_SITE = "EXISTS (SELECT 1 FROM unnest(tenancy_branches()) AS b WHERE b ^@ ('/' || site_id || '/'))"
_OF_ORDER = "EXISTS (SELECT 1 FROM health_workorder w WHERE w.id = work_order_id)"


class Migration(migrations.Migration):
    dependencies = [
        ("health", "0001_initial"),
        ("assets", "0005_audit"),
        ("audit", "0001_initial"),
        ("tenancy", "0003_branches"),
        ("webhooks", "0001_initial"),
    ]
    operations = [
        EnableRowSecurity(
            "health_machinerecord", lookup=True, lookup_columns=("tenant_id", "asset_id", "fault_token")
        ),
        *(
            EnableRowSecurity(f"health_{table}")
            for table in (
                "storedfile", "terms", "sparepart", "stockmove", "downtimereason", "workorder", "orderentry", "checkitem",
                "labourentry", "partuse", "maintenanceplan", "inspectionroute", "inspectionitem", "inspection",
                "inspectionresult",
            )
        ),
        *(
            LimitToBranches(f"health_{table}", write=_OF_ASSET)
            for table in ("machinerecord", "storedfile", "workorder", "maintenanceplan", "inspectionitem")
        ),
        *(LimitToBranches(f"health_{table}", write=_OF_SITE) for table in ("sparepart", "inspectionroute")),
        *(
            LimitToBranches(f"health_{table}", write=_OF_ORDER)
            for table in ("orderentry", "checkitem", "labourentry", "partuse")
        ),
        LimitToBranches(
            "health_stockmove", write="EXISTS (SELECT 1 FROM health_sparepart p WHERE p.id = part_id)"
        ),
        LimitToBranches(
            "health_inspection", write="EXISTS (SELECT 1 FROM health_inspectionroute r WHERE r.id = route_id)"
        ),
        LimitToBranches(
            "health_inspectionresult", write="EXISTS (SELECT 1 FROM health_inspectionitem i WHERE i.id = item_id)"
        ),
        *(
            LimitToBranches(f"health_{table}", write="false", read="true")
            for table in ("downtimereason", "terms")
        ),
        DefinerFunction(
            "health_find_label(token text)",
            returns="TABLE (tenant_id bigint, asset_id bigint)",
            body="SELECT r.tenant_id, r.asset_id FROM health_machinerecord r WHERE r.fault_token = token",
        ),
        AuditRows("health_workorder", kind="health.work_order", label="title"),
        AuditRows(
            "health_maintenanceplan", kind="health.plan",
            left_out=[
                "turn", "since", "due_on", "used", "rate", "last_reading", "remark", "remark_data", "looked_at",
            ],
        ),
        # Every movement of a stock is a row of its own.
        AuditRows("health_sparepart", kind="health.part", left_out=["stock"]),
        AuditRows("health_inspectionroute", kind="health.route"),
        AuditRows(
            "health_machinerecord", kind="health.machine", label="asset_id@assets_asset.name", secret=["fault_token"]
        ),
        AuditRows("health_storedfile", kind="health.file", left_out=["sha256"]),
        AuditRows("health_downtimereason", kind="health.reason"),
        AuditRows("health_terms", kind="health.terms", label="currency"),
    ]  # fmt: skip
