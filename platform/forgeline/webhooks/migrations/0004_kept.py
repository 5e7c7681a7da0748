"""What happens while a webhook is stopped because nobody took it is written down as given up: a replay finds it."""

from django.db import migrations

ANNOUNCE = """
CREATE OR REPLACE FUNCTION webhooks_announce(event_type text, about text, told jsonb, at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := NULLIF(current_setting('forgeline.tenant_id', true), '')::bigint;
    wanted bigint[]; stopped bigint[]; new_id bigint;
BEGIN
    SELECT array_agg(e.id), array_agg(e.id) FILTER (WHERE NOT e.is_enabled) INTO wanted, stopped
    FROM webhooks_endpoint e
    WHERE e.tenant_id = tenant AND (e.is_enabled OR e.stopped_because IN ('gone', 'failing')) AND EXISTS (
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
    SELECT tenant, w, new_id, left(about, 120), CASE WHEN w = ANY (stopped) THEN 'failed' ELSE 'waiting' END, 0,
           clock_timestamp(), clock_timestamp(), false
    FROM unnest(wanted) AS w;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0003_partners")]
    operations = [migrations.RunSQL(ANNOUNCE, reverse_sql=migrations.RunSQL.noop)]
