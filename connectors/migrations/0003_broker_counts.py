"""What the platform's broker had counted when it was last told of."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connectors", "0002_row_security")]
    operations = [
        migrations.CreateModel(
            name="BrokerCount",
            fields=[
                ("name", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("total", models.BigIntegerField(default=0)),
            ],
            options={"verbose_name": "count of the broker"},
        ),
    ]
