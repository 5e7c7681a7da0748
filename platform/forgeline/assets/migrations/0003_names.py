"""Names of plants, assets, points and shifts in several languages."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("assets", "0002_row_security"),
    ]

    operations = [
        migrations.AddField(
            model_name="asset",
            name="names",
            field=models.JSONField(blank=True, default=dict, verbose_name="names by language"),
        ),
        migrations.AddField(
            model_name="point",
            name="names",
            field=models.JSONField(blank=True, default=dict, verbose_name="names by language"),
        ),
        migrations.AddField(
            model_name="shift",
            name="names",
            field=models.JSONField(blank=True, default=dict, verbose_name="names by language"),
        ),
        migrations.AddField(
            model_name="site",
            name="names",
            field=models.JSONField(blank=True, default=dict, verbose_name="names by language"),
        ),
        migrations.AlterField(
            model_name="shift",
            name="name",
            field=models.CharField(max_length=120, verbose_name="name"),
        ),
    ]
