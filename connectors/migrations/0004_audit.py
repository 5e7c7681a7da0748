"""Whoever changes connections and their maps is named."""

from django.db import migrations

from forgeline.audit.tables import AuditRows


class Migration(migrations.Migration):
    dependencies = [("connectors", "0003_broker_counts"), ("audit", "0001_initial")]
    operations = [
        AuditRows("connectors_connection", kind="connectors.connection", left_out=["revision"]),
        AuditRows("connectors_binding", kind="connectors.binding", label="address"),
    ]
