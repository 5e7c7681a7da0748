"""What a company makes: its industry."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenancy", "0003_branches"),
    ]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="industry",
            field=models.CharField(blank=True, max_length=20, verbose_name="what is made"),
        ),
    ]
