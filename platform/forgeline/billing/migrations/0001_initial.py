"""Plans, subscriptions, usage and invoices. What was issued is never changed, what was paid never taken away."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.audit.tables import AuditRows
from forgeline.billing.catalogue import PLANS
from forgeline.tenancy.rls import EnableRowSecurity, LimitToBranches

KEPT = """
CREATE FUNCTION billing_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is kept as it was issued', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER billing_keep BEFORE UPDATE OR DELETE ON billing_invoice FOR EACH ROW EXECUTE FUNCTION billing_keep();
CREATE TRIGGER billing_keep BEFORE UPDATE OR DELETE ON billing_invoiceline FOR EACH ROW EXECUTE FUNCTION billing_keep();
CREATE TRIGGER billing_keep BEFORE UPDATE OR DELETE ON billing_payment FOR EACH ROW EXECUTE FUNCTION billing_keep();
REVOKE UPDATE, DELETE, TRUNCATE ON billing_invoice, billing_invoiceline, billing_payment FROM forgeline_app;
"""
OWN = ("subscription", "usage", "invoice", "invoiceline", "payment")


def sell(apps, schema_editor) -> None:  # type: ignore[no-untyped-def]
    """Put in the plans that an installation starts with."""
    alias = schema_editor.connection.alias
    plans, prices = (apps.get_model("billing", name).objects.using(alias) for name in ("Plan", "Price"))
    for facts in PLANS:
        plan = plans.create(**{name: value for name, value in facts.items() if name != "prices"})
        for currency, price in facts["prices"].items():
            prices.create(plan=plan, currency=currency, **price)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenancy", "0003_branches"),
        ("audit", "0001_initial"),
        ("entitlements", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Plan",
            fields=[
                ("key", models.SlugField(max_length=20, primary_key=True, serialize=False)),
                ("names", models.JSONField(default=dict)),
                ("limits", models.JSONField(default=dict)),
                (
                    "modules",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), null=True, size=None
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("is_offered", models.BooleanField(default=True)),
            ],
            options={
                "ordering": ["position"],
            },
        ),
        migrations.CreateModel(
            name="Seller",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("title", models.CharField(max_length=200, verbose_name="name")),
                ("address", models.CharField(blank=True, max_length=300, verbose_name="address")),
                ("tax_number", models.CharField(blank=True, max_length=40, verbose_name="tax number")),
                ("bank", models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name="Series",
            fields=[
                ("key", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("last", models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="Invoice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "tenant_id",
                    models.BigIntegerField(
                        default=forgeline.tenancy.context.require_tenant_id, editable=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("invoice", "invoice"), ("credit", "credit note")], max_length=7
                    ),
                ),
                ("number", models.CharField(max_length=24, unique=True)),
                ("issued_on", models.DateField()),
                ("due_on", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                ("language", models.CharField(max_length=10)),
                ("seller", models.JSONField()),
                ("buyer", models.JSONField()),
                ("net", models.BigIntegerField()),
                ("tax", models.BigIntegerField()),
                ("total", models.BigIntegerField()),
                ("used_from", models.DateTimeField()),
                ("used_to", models.DateTimeField()),
                ("used", models.JSONField()),
                (
                    "corrects",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrections",
                        to="billing.invoice",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="InvoiceLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "tenant_id",
                    models.BigIntegerField(
                        default=forgeline.tenancy.context.require_tenant_id, editable=False
                    ),
                ),
                ("position", models.PositiveSmallIntegerField()),
                ("what", models.CharField(max_length=20)),
                ("plan", models.CharField(max_length=20)),
                ("period", models.CharField(max_length=5)),
                ("from_on", models.DateField()),
                ("to_on", models.DateField()),
                ("days", models.PositiveIntegerField()),
                ("of_days", models.PositiveIntegerField()),
                ("price", models.BigIntegerField()),
                ("net", models.BigIntegerField()),
                ("tax_bp", models.PositiveIntegerField()),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="billing.invoice",
                    ),
                ),
            ],
            options={
                "ordering": ["position"],
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Payment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "tenant_id",
                    models.BigIntegerField(
                        default=forgeline.tenancy.context.require_tenant_id, editable=False
                    ),
                ),
                ("amount", models.BigIntegerField()),
                ("gateway", models.CharField(max_length=30)),
                ("reference", models.CharField(max_length=120)),
                ("paid_on", models.DateField()),
                ("noted_at", models.DateTimeField(auto_now_add=True)),
                ("noted_by", models.CharField(max_length=120)),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="billing.invoice",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("gateway", "reference", "invoice"), name="billing_payment_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Price",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "currency",
                    models.CharField(choices=[("CNY", "CNY"), ("EUR", "EUR"), ("USD", "USD")], max_length=3),
                ),
                ("monthly", models.PositiveBigIntegerField()),
                ("yearly", models.PositiveBigIntegerField()),
                ("tax_bp", models.PositiveIntegerField()),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="prices", to="billing.plan"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("plan", "currency"), name="billing_price_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "currency",
                    models.CharField(choices=[("CNY", "CNY"), ("EUR", "EUR"), ("USD", "USD")], max_length=3),
                ),
                (
                    "period",
                    models.CharField(
                        choices=[("month", "monthly"), ("year", "yearly")], default="month", max_length=5
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("trial", "trial"),
                            ("active", "active"),
                            ("past_due", "past due"),
                            ("grace", "period of grace"),
                            ("suspended", "suspended"),
                            ("closed", "closed"),
                        ],
                        default="trial",
                        max_length=9,
                    ),
                ),
                ("state_since", models.DateField()),
                ("zone", models.CharField(max_length=64)),
                ("from_on", models.DateField()),
                ("to_on", models.DateField()),
                ("anchor_day", models.PositiveSmallIntegerField(default=1)),
                (
                    "next_period",
                    models.CharField(
                        blank=True, choices=[("month", "monthly"), ("year", "yearly")], max_length=5
                    ),
                ),
                ("balance", models.PositiveBigIntegerField(default=0)),
                ("title", models.CharField(blank=True, max_length=200, verbose_name="name on the invoice")),
                ("tax_number", models.CharField(blank=True, max_length=40, verbose_name="tax number")),
                ("address", models.CharField(blank=True, max_length=300, verbose_name="address")),
                ("bank", models.CharField(blank=True, max_length=200, verbose_name="bank and account")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="e-mail for invoices")),
                ("warned_at", models.JSONField(default=dict)),
                (
                    "next_plan",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.plan",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="billing.plan"
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
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant",), name="billing_subscription_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Usage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("samples_stored", models.BigIntegerField(default=0)),
                ("gb_days", models.FloatField(default=0.0)),
                ("active_devices", models.PositiveIntegerField(default=0)),
                ("cpu_s", models.FloatField(default=0.0)),
                ("notifications", models.PositiveIntegerField(default=0)),
                ("api_calls", models.BigIntegerField(default=0)),
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
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "hour"), name="billing_usage_once")
                ],
            },
        ),
        *(EnableRowSecurity(f"billing_{table}", lookup=True) for table in OWN),
        # Money is the whole company's: whoever is limited to branches of the plant has no part in it.
        *(LimitToBranches(f"billing_{table}", write="false") for table in OWN),
        migrations.RunSQL(KEPT, reverse_sql="DROP FUNCTION billing_keep CASCADE"),
        AuditRows(
            "billing_subscription", kind="billing.subscription", label="plan_id", left_out=["warned_at"]
        ),
        migrations.RunPython(sell, migrations.RunPython.noop),
    ]
