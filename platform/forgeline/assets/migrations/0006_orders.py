"""Long lists of devices, assets and points: their orders have indexes, a search compares a column of capitals."""

from django.db import migrations, models
from django.db.models.functions import Cast, Concat, Upper

from forgeline.audit.tables import AuditRows

TEXT = models.TextField()


def words(*fields):
    texts = [
        models.Func(
            Cast("names", TEXT),
            models.Value('"[a-z-]+": '),
            models.Value(""),
            models.Value("g"),
            function="REGEXP_REPLACE",
            output_field=TEXT,
        )
        if field == "names"
        else Cast(field, TEXT)
        for field in fields
    ]
    between = [part for text in texts for part in (models.Value("\n", TEXT), text)][1:]
    return models.GeneratedField(expression=Upper(Concat(*between)), output_field=TEXT, db_persist=True)


def audited_anew(table, kind):
    """What follows from other columns is no change of its own."""
    return [
        migrations.RunSQL(f"DROP TRIGGER audit_rows ON {table}", AuditRows(table, kind=kind).sql),
        AuditRows(table, kind=kind, left_out=["words"]),
    ]


class Migration(migrations.Migration):
    dependencies = [("assets", "0005_audit")]
    operations = [
        migrations.AddField("asset", "words", words("name", "names")),
        migrations.AddField("device", "words", words("name", "key")),
        migrations.AddField("point", "words", words("name", "names", "key")),
        *audited_anew("assets_asset", "assets.asset"),
        *audited_anew("assets_device", "assets.device"),
        *audited_anew("assets_point", "assets.point"),
        migrations.AddIndex("device", models.Index(fields=["tenant", "id"], name="assets_device_in_order")),
        migrations.AddIndex(
            "device", models.Index(fields=["tenant", "name", "id"], name="assets_device_by_name")
        ),
        migrations.AddIndex(
            "device", models.Index(fields=["tenant", "created_at", "id"], name="assets_device_by_age")
        ),
        migrations.AddIndex("point", models.Index(fields=["tenant", "id"], name="assets_point_in_order")),
        migrations.AddIndex(
            "point", models.Index(fields=["tenant", "name", "id"], name="assets_point_by_name")
        ),
    ]
