"""What the operator sees of deliveries to other programs."""

from django.db import migrations

from forgeline.tenancy.rls import DefinerFunction


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial"), ("tenancy", "0005_kind")]
    operations = [
        DefinerFunction(
            "webhooks_operator_outbox()",
            returns="TABLE (waiting bigint, tenants bigint)",
            body="""
                SELECT count(*), count(DISTINCT tenant_id) FROM webhooks_delivery
                WHERE (SELECT tenancy_is_operator()) AND state IN ('waiting', 'sending')
            """,
        ),
    ]  # fmt: skip
