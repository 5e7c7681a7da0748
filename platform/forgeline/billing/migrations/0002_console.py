"""What the operator sees of companies: narrow functions that answer in the operator's own scope alone; its unit costs."""

import django.db.models.deletion
from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.audit.tables import AuditRows
from forgeline.tenancy.rls import DefinerFunction, EnableRowSecurity

# Once a statement, not once a row.
IS_OPERATOR = "(SELECT tenancy_is_operator())"


def _costs(title):  # type: ignore[no-untyped-def]
    return models.DecimalField(decimal_places=8, max_digits=14, verbose_name=title)


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0001_initial"),
        ("entitlements", "0002_switches"),
        ("identity", "0008_partners"),
        ("telemetry", "0008_figures"),
        ("tenancy", "0005_kind"),
    ]
    operations = [
        migrations.CreateModel(
            name="UnitCosts",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("currency", models.CharField(choices=[("CNY", "CNY"), ("EUR", "EUR"), ("USD", "USD")], max_length=3)),
                ("per_million_samples", _costs("a million samples stored")),
                ("per_gb_day", _costs("a gigabyte for a day")),
                ("per_cpu_s", _costs("a second of model jobs")),
                ("per_notification", _costs("a message sent")),
                ("per_api_call", _costs("a call of the API")),
                (
                    "tenant",
                    models.ForeignKey(
                        default=forgeline.tenancy.context.require_tenant_id, editable=False,
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False, "base_manager_name": "objects", "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "currency"), name="billing_unitcosts_once")
                ],
            },
        ),
        EnableRowSecurity("billing_unitcosts"),
        AuditRows("billing_unitcosts", kind="billing.costs", label="currency"),
        migrations.RunSQL(
            "GRANT SELECT (id, name, email) ON identity_user TO forgeline_lookup",
            reverse_sql="REVOKE SELECT (id, name, email) ON identity_user FROM forgeline_lookup",
        ),
        # The newest batch is in the commit log for a day; before that the metering knows the hour.
        DefinerFunction(
            "billing_operator_tenants(wanted text, wanted_id bigint, most integer)",
            returns="TABLE (tenant_id bigint, name text, slug text, kind text, created_at timestamptz, plan text, "
            "state text, currency text, access text, switches jsonb, members bigint, newest_at timestamptz)",
            body=f"""
                SELECT t.id, t.name::text, t.slug::text, t.kind::text, t.created_at, s.plan_id::text, s.state::text,
                       s.currency::text, e.access::text, e.switches,
                       (SELECT count(*) FROM identity_membership m WHERE m.tenant_id = t.id AND m.deactivated_at IS NULL),
                       COALESCE(
                           (SELECT c.committed_at FROM telemetry_commit c WHERE c.tenant_id = t.id
                            ORDER BY c.xid DESC, c.seq DESC LIMIT 1),
                           (SELECT u.hour FROM billing_usage u WHERE u.tenant_id = t.id AND u.samples_stored > 0
                            ORDER BY u.hour DESC LIMIT 1)
                       )
                FROM tenancy_tenant t
                LEFT JOIN billing_subscription s ON s.tenant_id = t.id
                LEFT JOIN entitlements_entitlement e ON e.tenant_id = t.id
                WHERE {IS_OPERATOR} AND t.closed_at IS NULL AND (wanted_id IS NULL OR t.id = wanted_id)
                  AND position(lower(wanted) in lower(t.name || ' ' || t.slug)) > 0
                ORDER BY t.name, t.id LIMIT most
            """,
        ),
        DefinerFunction(
            "billing_operator_members(wanted_id bigint)",
            returns="TABLE (membership_id bigint, name text, email text, role text, own_role text)",
            body=f"""
                SELECT m.id, u.name::text, u.email::text, m.role::text, r.name::text
                FROM identity_membership m JOIN identity_user u ON u.id = m.user_id
                LEFT JOIN identity_ownrole r ON r.tenant_id = m.tenant_id AND r.key = m.role
                WHERE {IS_OPERATOR} AND m.tenant_id = wanted_id AND m.deactivated_at IS NULL
                ORDER BY u.name, m.id
            """,
        ),
        DefinerFunction(
            "billing_operator_invoices(wanted_id bigint)",
            returns="TABLE (invoice_id bigint, number text, kind text, issued_on date, due_on date, currency text, "
            "total bigint, paid bigint, is_corrected boolean)",
            body=f"""
                SELECT i.id, i.number::text, i.kind::text, i.issued_on, i.due_on, i.currency::text, i.total,
                       (SELECT COALESCE(sum(p.amount), 0)::bigint FROM billing_payment p WHERE p.invoice_id = i.id),
                       EXISTS (SELECT 1 FROM billing_invoice n JOIN billing_invoiceline l ON l.invoice_id = n.id
                               WHERE n.corrects_id = i.id AND l.what = 'correction')
                FROM billing_invoice i
                WHERE {IS_OPERATOR} AND i.tenant_id = wanted_id
                ORDER BY i.id DESC LIMIT 100
            """,
        ),
        DefinerFunction(
            "billing_operator_usage(since timestamptz, until timestamptz)",
            returns="TABLE (tenant_id bigint, samples_stored bigint, gb_days double precision, active_devices integer, "
            "cpu_s double precision, notifications bigint, api_calls bigint)",
            body=f"""
                SELECT u.tenant_id, sum(u.samples_stored)::bigint, sum(u.gb_days), max(u.active_devices), sum(u.cpu_s),
                       sum(u.notifications)::bigint, sum(u.api_calls)::bigint
                FROM billing_usage u
                WHERE {IS_OPERATOR} AND u.hour >= since AND u.hour < until
                GROUP BY u.tenant_id
            """,
        ),
        # A line is spread over the days that it is for: a year that is paid at once is not one month's.
        DefinerFunction(
            "billing_operator_invoiced(first_on date, end_on date)",
            returns="TABLE (tenant_id bigint, currency text, net bigint)",
            body=f"""
                SELECT i.tenant_id, i.currency::text,
                       round(sum(l.net::numeric * (LEAST(l.to_on, end_on) - GREATEST(l.from_on, first_on))
                                 / (l.to_on - l.from_on)))::bigint
                FROM billing_invoice i JOIN billing_invoiceline l ON l.invoice_id = i.id
                WHERE {IS_OPERATOR} AND l.from_on < end_on AND l.to_on > first_on AND l.to_on > l.from_on
                GROUP BY i.tenant_id, i.currency
            """,
        ),
    ]  # fmt: skip
