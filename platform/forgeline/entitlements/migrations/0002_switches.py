"""The plan by its key, and what the operator switches on or off for one company."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("entitlements", "0001_initial")]
    operations = [
        migrations.AddField("entitlement", "plan", models.CharField(blank=True, max_length=20)),
        migrations.AddField("entitlement", "switches", models.JSONField(default=dict)),
    ]
