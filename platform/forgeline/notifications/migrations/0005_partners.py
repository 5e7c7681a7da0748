"""Whose people gave a channel its address, and why it stopped."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0004_figures")]
    operations = [
        migrations.AddField("channel", "partner_id", models.BigIntegerField(editable=False, null=True)),
        migrations.AddField(
            "channel", "stopped_because", models.CharField(blank=True, editable=False, max_length=40)
        ),
    ]
