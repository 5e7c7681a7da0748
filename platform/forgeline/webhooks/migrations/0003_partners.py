"""Whose people gave a webhook its address."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0002_figures")]
    operations = [
        migrations.AddField("endpoint", "partner_id", models.BigIntegerField(editable=False, null=True)),
    ]
