"""An entry keeps the number of its company and no foreign key to it: what says that entries went outlives the company."""

import django.db.models.deletion
from django.db import migrations, models

import forgeline.tenancy.context


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [
        migrations.AlterField(
            model_name="entry",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False, default=forgeline.tenancy.context.require_tenant_id, editable=False,
                on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="tenancy.tenant",
            ),
        ),
    ]  # fmt: skip
