"""The branches of the plant in force, as the policies of all tables ask for them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0002_row_security")]
    operations = [
        migrations.RunSQL(
            [
                (
                    "CREATE FUNCTION tenancy_branches() RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE AS "
                    "$$ SELECT NULLIF(current_setting('forgeline.branches', true), '')::text[] $$"
                ),
                "GRANT EXECUTE ON FUNCTION tenancy_branches() TO PUBLIC",
            ],
            reverse_sql=["DROP FUNCTION tenancy_branches()"],
        )
    ]
