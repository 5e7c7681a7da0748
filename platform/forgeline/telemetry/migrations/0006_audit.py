"""Whoever changes how long samples are kept is named."""

from django.db import migrations

from forgeline.audit.tables import AuditRows


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0005_branches"), ("audit", "0001_initial")]
    operations = [
        AuditRows("telemetry_retention", kind="telemetry.retention", label="raw_days"),
    ]
