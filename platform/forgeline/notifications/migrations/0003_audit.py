"""Whoever changes who is told is named."""

from django.db import migrations

from forgeline.audit.tables import AuditRows


class Migration(migrations.Migration):
    dependencies = [("notifications", "0002_row_security"), ("audit", "0001_initial")]
    operations = [
        AuditRows(
            "notifications_channel", kind="notifications.channel", secret=["address_sealed", "secret_sealed"]
        ),
        AuditRows("notifications_route", kind="notifications.route"),
        AuditRows(
            "notifications_routestep", kind="notifications.step", label="route_id@notifications_route.name"
        ),
        AuditRows("notifications_roster", kind="notifications.roster"),
        AuditRows(
            "notifications_rosterentry",
            kind="notifications.duty",
            label="roster_id@notifications_roster.name",
        ),
        AuditRows(
            "notifications_standin",
            kind="notifications.stand_in",
            label="roster_id@notifications_roster.name",
        ),
    ]
