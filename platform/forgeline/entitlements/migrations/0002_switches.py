"""The plan by its key; what the operator switches for one company, and what the company itself switches off."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("entitlements", "0001_initial")]
    operations = [
        migrations.AddField("entitlement", "plan", models.CharField(blank=True, max_length=20)),
        migrations.AddField("entitlement", "switches", models.JSONField(default=dict)),
        migrations.AddField(
            "entitlement", "switched_off",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40), default=list, size=None
            ),
        ),
    ]  # fmt: skip
