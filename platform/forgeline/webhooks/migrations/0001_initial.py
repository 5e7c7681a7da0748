"""Endpoints, events and deliveries; changes of rows that are audited announce themselves."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.audit.tables import AuditRows
from forgeline.tenancy.rls import DefinerFunction, EnableRowSecurity, LimitToBranches

# One event and a delivery for each endpoint that wants it, in the order of their ids.
ANNOUNCE = """
CREATE FUNCTION webhooks_announce(event_type text, about text, told jsonb, at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := NULLIF(current_setting('forgeline.tenant_id', true), '')::bigint;
    wanted bigint[]; new_id bigint;
BEGIN
    SELECT array_agg(e.id) INTO wanted FROM webhooks_endpoint e
    WHERE e.tenant_id = tenant AND e.is_enabled AND EXISTS (
        SELECT 1 FROM unnest(e.events) AS p
        WHERE p = event_type OR right(p, 1) = '*' AND event_type ^@ left(p, -1)
    );
    IF wanted IS NULL THEN
        RETURN;
    END IF;
    -- Taken beforehand: RETURNING would ask whether the writer may read it.
    new_id := nextval(pg_get_serial_sequence('webhooks_event', 'id'));
    INSERT INTO webhooks_event (id, tenant_id, type, subject, data, happened_at)
    VALUES (new_id, tenant, event_type, left(about, 120), told, at);
    INSERT INTO webhooks_delivery (tenant_id, endpoint_id, event_id, subject, state, attempts, created_at, due_at, is_replay)
    SELECT tenant, w, new_id, left(about, 120), 'waiting', 0, clock_timestamp(), clock_timestamp(), false
    FROM unnest(wanted) AS w;
END $$;

-- What people do to the house is announced as the audit writes it. Sessions and the log itself are nobody else's.
CREATE FUNCTION webhooks_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.action LIKE 'audit.%' OR NEW.action LIKE 'identity.session.%' OR NEW.action LIKE 'webhooks.%' THEN
        RETURN NULL;
    END IF;
    PERFORM webhooks_announce(
        NEW.action, regexp_replace(NEW.action, '\\.[a-z_]+$', '') || ':' || COALESCE(NEW.subject_id::text, ''),
        jsonb_build_object('id', NEW.subject_id, 'name', NEW.subject, 'changes', NEW.changes, 'by', NEW.who), NEW.at
    );
    RETURN NULL;
END $$;
GRANT EXECUTE ON FUNCTION webhooks_announce(text, text, jsonb, timestamptz) TO forgeline_app;
CREATE TRIGGER webhooks_tell AFTER INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION webhooks_of_audit();
"""


def _id() -> tuple[str, models.Field]:
    return (
        "id",
        models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
    )


def _tenant() -> tuple[str, models.Field]:
    return (
        "tenant",
        models.ForeignKey(
            default=forgeline.tenancy.context.require_tenant_id, editable=False,
            on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenancy.tenant",
        ),
    )  # fmt: skip


_META = {"abstract": False, "base_manager_name": "objects", "default_manager_name": "objects"}
_OPEN = models.Q(("state__in", ("waiting", "sending")))


class Migration(migrations.Migration):
    initial = True
    dependencies = [("tenancy", "0003_branches"), ("audit", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                _id(),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                ("url", models.CharField(max_length=500, verbose_name="address")),
                (
                    "events",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=80), size=None, verbose_name="events"
                    ),
                ),
                ("secret_sealed", models.TextField()),
                ("former_sealed", models.TextField(blank=True)),
                ("former_until", models.DateTimeField(null=True)),
                ("is_enabled", models.BooleanField(default=True, verbose_name="in use")),
                ("stopped_because", models.CharField(blank=True, max_length=40)),
                ("failing_since", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                _tenant(),
            ],
            options={
                **_META, "verbose_name": "webhook", "ordering": ["name"],
                "constraints": [models.UniqueConstraint(fields=("tenant", "name"), name="webhooks_endpoint_once")],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                _id(),
                ("type", models.CharField(max_length=80)),
                ("subject", models.CharField(max_length=120)),
                ("data", models.JSONField()),
                ("happened_at", models.DateTimeField()),
                _tenant(),
            ],
            options={
                **_META, "indexes": [models.Index(fields=["tenant", "happened_at"], name="webhooks_event_age")],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                _id(),
                ("subject", models.CharField(max_length=120)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"), ("sending", "being sent"), ("sent", "delivered"),
                            ("failed", "given up"),
                        ],
                        default="waiting", max_length=8,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("claimed_until", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                ("is_replay", models.BooleanField(default=False)),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="webhooks.endpoint"
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="webhooks.event"
                    ),
                ),
                _tenant(),
            ],
            options={
                **_META,
                "indexes": [
                    models.Index(condition=_OPEN, fields=["due_at"], name="webhooks_delivery_due"),
                    models.Index(
                        condition=_OPEN, fields=["endpoint", "subject", "id"], name="webhooks_delivery_order"
                    ),
                    models.Index(fields=["endpoint", "-id"], name="webhooks_delivery_newest"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Attempt",
            fields=[
                _id(),
                ("at", models.DateTimeField()),
                ("took_ms", models.PositiveIntegerField()),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("reason", models.CharField(blank=True, max_length=40)),
                ("detail", models.CharField(blank=True, max_length=300)),
                ("answer", models.CharField(blank=True, max_length=2000)),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tries", to="webhooks.delivery"
                    ),
                ),
                _tenant(),
            ],
            options={**_META, "ordering": ["id"]},
        ),
        EnableRowSecurity("webhooks_endpoint"),
        EnableRowSecurity("webhooks_event"),
        EnableRowSecurity("webhooks_delivery", lookup=True),
        EnableRowSecurity("webhooks_attempt"),
        # Whoever is limited to branches causes events like everybody, and reads none.
        *(
            LimitToBranches(f"webhooks_{table}", write="true", read="false")
            for table in ("event", "delivery", "attempt")
        ),
        DefinerFunction(
            "webhooks_list_due(moment timestamptz)",
            returns="TABLE (tenant_id bigint, endpoint_id bigint)",
            body="""
                SELECT DISTINCT d.tenant_id, d.endpoint_id FROM webhooks_delivery d
                WHERE d.state = 'waiting' AND d.due_at <= moment OR d.state = 'sending' AND d.claimed_until <= moment
            """,
        ),
        migrations.RunSQL(
            ANNOUNCE,
            reverse_sql="""
                DROP TRIGGER webhooks_tell ON audit_entry; DROP FUNCTION webhooks_of_audit();
                DROP FUNCTION webhooks_announce(text, text, jsonb, timestamptz)
            """,
        ),
        AuditRows(
            "webhooks_endpoint", kind="webhooks.endpoint", secret=["secret_sealed", "former_sealed"],
            left_out=["failing_since"],
        ),
    ]  # fmt: skip
