"""The operator reads the records of erasures on its pages; beside it whoever runs the server does, in no company."""

from django.db import migrations

from forgeline.tenancy.rls import DefinerFunction, DropDefinerFunction

_RETURNS = (
    "TABLE (tenant_id bigint, name text, asked_at timestamptz, begun_at timestamptz, ended_at timestamptz, "
    "counts jsonb, left_over jsonb)"
)
_READ = """
    SELECT e.tenant_id, e.name, e.asked_at, e.begun_at, e.ended_at, e.counts, e."left" FROM transfer_erasure e
    WHERE {allowed} ORDER BY e.id
"""


class Migration(migrations.Migration):
    dependencies = [("transfer", "0001_initial"), ("tenancy", "0005_kind")]
    operations = [
        DefinerFunction(
            "transfer_operator_erasures()",
            returns=_RETURNS,
            body=_READ.format(allowed="(SELECT tenancy_is_operator())"),
        ),
        DropDefinerFunction("transfer_list_erasures()"),
        DefinerFunction(
            "transfer_list_erasures()",
            returns=_RETURNS,
            body=_READ.format(allowed="NULLIF(current_setting('forgeline.tenant_id', true), '') IS NULL"),
        ),
    ]
