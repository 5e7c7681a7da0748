"""States of machines belong to the branch of their machine; samples and roll-ups follow the points of their views."""

from django.db import migrations

from forgeline.tenancy.rls import LimitToBranches


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0004_news"), ("assets", "0004_branches")]
    operations = [
        LimitToBranches(
            "telemetry_stateinterval", write="asset_id = ANY ((SELECT assets_in_branches())::bigint[])"
        )
    ]
