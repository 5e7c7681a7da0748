"""The e-mail of an invoice on its way, kept until a mail server has taken it; the operator sees what came of it."""

import django.db.models.deletion
from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.tenancy.rls import DefinerFunction, DropDefinerFunction, EnableRowSecurity, LimitToBranches

# Once a statement, not once a row.
IS_OPERATOR = "(SELECT tenancy_is_operator())"


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_credit")]
    operations = [
        migrations.CreateModel(
            name="Letter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        default=forgeline.tenancy.context.require_tenant_id,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenancy.tenant",
                    ),
                ),
                (
                    "invoice",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="letter",
                        to="billing.invoice",
                    ),
                ),
                ("address", models.EmailField(max_length=254)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("due_at", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                (
                    "fault",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("refused", "the mail server refuses it"),
                            ("away", "the mail server cannot be reached"),
                            ("paper", "its PDF cannot be made"),
                        ],
                        max_length=7,
                    ),
                ),
                ("detail", models.CharField(blank=True, max_length=60)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("sent_at__isnull", True)),
                        fields=["due_at"],
                        name="billing_letter_unsent",
                    )
                ],
            },
        ),
        EnableRowSecurity("billing_letter", lookup=True),
        LimitToBranches("billing_letter", write="false"),
        DefinerFunction(
            "billing_list_letters_due(moment timestamptz)",
            returns="TABLE (tenant_id bigint)",
            body="""
                SELECT DISTINCT l.tenant_id FROM billing_letter l
                LEFT JOIN billing_subscription s ON s.tenant_id = l.tenant_id
                WHERE l.sent_at IS NULL
                  AND (l.due_at <= moment OR l.due_at IS NULL AND s.email <> '' AND s.email <> l.address)
            """,
        ),
        DropDefinerFunction("billing_operator_invoices(bigint)"),
        DefinerFunction(
            "billing_operator_invoices(wanted_id bigint)",
            returns="TABLE (invoice_id bigint, number text, kind text, issued_on date, due_on date, currency text, "
            "total bigint, paid bigint, is_corrected boolean, mailed_to text, mailed_at timestamptz, "
            "mail_due_at timestamptz, mail_fault text)",
            body=f"""
                SELECT i.id, i.number::text, i.kind::text, i.issued_on, i.due_on, i.currency::text, i.total,
                       (SELECT COALESCE(sum(p.amount), 0)::bigint FROM billing_payment p WHERE p.invoice_id = i.id),
                       EXISTS (SELECT 1 FROM billing_invoice n JOIN billing_invoiceline l ON l.invoice_id = n.id
                               WHERE n.corrects_id = i.id AND l.what = 'correction'),
                       COALESCE(m.address, '')::text, m.sent_at, m.due_at, COALESCE(m.fault, '')::text
                FROM billing_invoice i LEFT JOIN billing_letter m ON m.invoice_id = i.id
                WHERE {IS_OPERATOR} AND i.tenant_id = wanted_id
                ORDER BY i.id DESC LIMIT 100
            """,
        ),
    ]
