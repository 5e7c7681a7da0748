"""One row for each company that is limited."""

import django.contrib.postgres.fields
import django.db.models.deletion
import forgeline.tenancy.context
from django.db import migrations, models

from forgeline.tenancy.rls import EnableRowSecurity


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenancy", "0003_branches"),
    ]

    operations = [
        migrations.CreateModel(
            name="Entitlement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("limits", models.JSONField(default=dict)),
                (
                    "modules",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), null=True, size=None
                    ),
                ),
                (
                    "access",
                    models.CharField(
                        choices=[
                            ("full", "everything"),
                            ("suspended", "only invoices, payment and the company's own data"),
                        ],
                        default="full",
                        max_length=10,
                    ),
                ),
                ("excess_since", models.DateTimeField(null=True)),
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
                "constraints": [models.UniqueConstraint(fields=("tenant",), name="entitlements_once")],
            },
        ),
        EnableRowSecurity("entitlements_entitlement", lookup=True),
    ]
