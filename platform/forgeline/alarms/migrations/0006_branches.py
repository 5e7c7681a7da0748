"""Alarms and rules belong to the branch of their machine; what a device profile says may be read by everybody."""

from django.db import migrations

from forgeline.tenancy.rls import LimitToBranches

_OWN = "asset_id = ANY ((SELECT assets_in_branches())::bigint[])"


def _of(table: str, column: str) -> str:
    """The row it belongs to may be seen."""
    return f"EXISTS (SELECT 1 FROM {table} whole WHERE whole.id = {column})"


class Migration(migrations.Migration):
    dependencies = [("alarms", "0005_reports"), ("assets", "0004_branches")]
    operations = [
        LimitToBranches("alarms_alarm", write=_OWN),
        LimitToBranches("alarms_journalentry", write=_of("alarms_alarm", "alarm_id")),
        LimitToBranches("alarms_rule", write=_OWN, read=f"asset_id IS NULL OR {_OWN}"),
        LimitToBranches("alarms_ruleversion", write=_of("alarms_rule", "rule_id")),
        LimitToBranches("alarms_trial", write=_OWN),
        # A report is of a whole plant.
        LimitToBranches(
            "alarms_alarmreport", write="'/' || site_id || '/' = ANY ((SELECT tenancy_branches())::text[])"
        ),
    ]
