"""Everything here belongs to tenants; one narrow function tells the sweep whose messages are due."""

from django.db import migrations

from forgeline.tenancy.rls import DefinerFunction, EnableRowSecurity

TABLES = (
    "preference", "roster", "rosterentry", "standin", "channel", "route", "routestep", "attempt",
)  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial"), ("tenancy", "0002_row_security")]
    operations = [
        *(EnableRowSecurity(f"notifications_{table}") for table in TABLES),
        EnableRowSecurity("notifications_notice", lookup=True, lookup_columns=["tenant_id", "routed_at"]),
        EnableRowSecurity(
            "notifications_escalation", lookup=True, lookup_columns=["tenant_id", "ended_at", "due_at"]
        ),
        EnableRowSecurity(
            "notifications_delivery", lookup=True,
            lookup_columns=["tenant_id", "state", "due_at", "claimed_until"],
        ),
        DefinerFunction(
            "notifications_list_due_tenants(moment timestamptz)",
            returns="TABLE (tenant_id bigint)",
            body="""
                SELECT n.tenant_id FROM notifications_notice n WHERE n.routed_at IS NULL
                UNION
                SELECT e.tenant_id FROM notifications_escalation e WHERE e.ended_at IS NULL AND e.due_at <= moment
                UNION
                SELECT d.tenant_id FROM notifications_delivery d
                WHERE d.state IN ('waiting', 'held') AND d.due_at <= moment
                   OR d.state = 'sending' AND d.claimed_until <= moment
            """,
        ),
    ]  # fmt: skip
