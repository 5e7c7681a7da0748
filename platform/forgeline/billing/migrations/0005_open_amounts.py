"""The operator reads what is open of every company, also of those that are gone, in one question."""

from django.db import migrations

from forgeline.tenancy.rls import DefinerFunction


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_letter")]
    operations = [
        DefinerFunction(
            "billing_operator_open()",
            returns="TABLE (tenant_id bigint, currency text, amount bigint)",
            body="""
                SELECT i.tenant_id, i.currency::text, sum(i.total - COALESCE(p.paid, 0))::bigint
                FROM billing_invoice i
                LEFT JOIN (SELECT invoice_id, sum(amount) AS paid FROM billing_payment GROUP BY invoice_id) p
                    ON p.invoice_id = i.id
                WHERE (SELECT tenancy_is_operator()) AND i.kind = 'invoice' AND i.total > COALESCE(p.paid, 0)
                GROUP BY i.tenant_id, i.currency
                ORDER BY i.tenant_id, i.currency
            """,
        ),
    ]
