"""Whoever changes rules is named; what happens to alarms stands in their journal."""

from django.db import migrations

from forgeline.audit.tables import AuditRows


class Migration(migrations.Migration):
    dependencies = [("alarms", "0006_branches"), ("audit", "0001_initial")]
    operations = [
        AuditRows("alarms_rule", kind="alarms.rule", label="key"),
    ]
