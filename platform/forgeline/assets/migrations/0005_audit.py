"""Whoever changes the plant is named."""

from django.db import migrations

from forgeline.audit.tables import AuditRows


class Migration(migrations.Migration):
    dependencies = [("assets", "0004_branches"), ("audit", "0001_initial")]
    operations = [
        AuditRows("assets_site", kind="assets.plant"),
        AuditRows("assets_asset", kind="assets.asset"),
        AuditRows("assets_point", kind="assets.point"),
        AuditRows("assets_device", kind="assets.device"),
        AuditRows(
            "assets_devicecredential", kind="assets.credential", label="username", secret=["password_hash"]
        ),
        AuditRows("assets_shift", kind="assets.shift"),
        AuditRows("assets_calendarday", kind="assets.special_day", label="on"),
    ]
