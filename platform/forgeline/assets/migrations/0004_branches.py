"""Whoever is limited to branches of the plant sees them, and of what is above them the names that lead there."""

from django.db import migrations

from forgeline.tenancy.rls import LimitToBranches

# Of the tenant in force, because the function is the caller's and the table's policies bind it.
IN_BRANCHES = """
CREATE FUNCTION assets_in_branches() RETURNS bigint[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT ARRAY(SELECT a.id FROM assets_asset a WHERE a.path::text ^@ ANY ((SELECT tenancy_branches())::text[]))
$$
"""
_ASSET = "path::text ^@ ANY ((SELECT tenancy_branches())::text[])"
_ABOVE = "EXISTS (SELECT 1 FROM unnest(tenancy_branches()) AS b WHERE b ^@ path::text)"
_SITE = "'/' || {0} || '/' = ANY ((SELECT tenancy_branches())::text[])"
_SITE_ABOVE = "EXISTS (SELECT 1 FROM unnest(tenancy_branches()) AS b WHERE b ^@ ('/' || {0} || '/'))"
_OWN = "asset_id = ANY ((SELECT assets_in_branches())::bigint[])"


class Migration(migrations.Migration):
    dependencies = [("assets", "0003_names"), ("tenancy", "0003_branches")]
    operations = [
        LimitToBranches("assets_asset", write=_ASSET, read=f"{_ASSET} OR {_ABOVE}"),
        LimitToBranches("assets_site", write=_SITE.format("id"), read=_SITE_ABOVE.format("id")),
        *(
            LimitToBranches(
                f"assets_{table}", write=_SITE.format("site_id"), read=_SITE_ABOVE.format("site_id")
            )
            for table in ("shift", "calendarday")
        ),
        migrations.RunSQL(
            [IN_BRANCHES, "GRANT EXECUTE ON FUNCTION assets_in_branches() TO PUBLIC"],
            reverse_sql=["DROP FUNCTION assets_in_branches()"],
        ),
        LimitToBranches("assets_point", write=_OWN),
        LimitToBranches("assets_device", write=_OWN),
        LimitToBranches(
            "assets_devicecredential",
            write="EXISTS (SELECT 1 FROM assets_device d WHERE d.id = device_id)",
        ),
    ]
