"""The log that nobody rewrites: entries by triggers and the recorder, and two owner's functions that shorten it."""

import django.db.models.deletion
from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.audit.tables import AuditRows
from forgeline.tenancy.rls import EnableRowSecurity, LimitToBranches

# A sealed option ({"$secret": …}) is a secret wherever it stands.
ROW = r"""
CREATE FUNCTION audit_conceal(value jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(value) IN ('object', 'array')
        THEN regexp_replace(value::text, '\{"\$secret": "[^"]*"\}', '"…"', 'g')::jsonb ELSE value END
$$;
GRANT EXECUTE ON FUNCTION audit_conceal(jsonb) TO PUBLIC;

CREATE FUNCTION audit_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was jsonb := CASE WHEN TG_OP = 'INSERT' THEN '{}' ELSE to_jsonb(OLD) END;
    is_ jsonb := CASE WHEN TG_OP = 'DELETE' THEN '{}' ELSE to_jsonb(NEW) END;
    row_ jsonb := CASE WHEN TG_OP = 'DELETE' THEN was ELSE is_ END;
    secret text[] := string_to_array(TG_ARGV[2], ',');
    left_out text[] := string_to_array(TG_ARGV[3], ',') || ARRAY['id', 'tenant_id', 'created_at'];
    who jsonb := NULLIF(current_setting('forgeline.actor', true), '')::jsonb;
    told jsonb;
    -- 'name', or 'user_id@identity_user.email': by which a person knows the row.
    label text[] := regexp_split_to_array(TG_ARGV[1], '[@.]');
    subject text := row_ ->> label[1];
BEGIN
    SELECT jsonb_object_agg(field, CASE WHEN field = ANY (secret)
            THEN jsonb_build_array(CASE WHEN was ? field THEN '…' END, CASE WHEN is_ ? field THEN '…' END)
            ELSE jsonb_build_array(audit_conceal(was -> field), audit_conceal(is_ -> field)) END)
    INTO told
    FROM jsonb_object_keys(was || is_) AS field
    WHERE field <> ALL (left_out) AND (was -> field) IS DISTINCT FROM (is_ -> field)
        AND NOT (TG_OP <> 'UPDATE' AND (row_ -> field) IN ('null', '""', '[]', '{}'));
    IF TG_OP = 'UPDATE' AND told IS NULL THEN
        RETURN NULL;
    END IF;
    IF label[2] IS NOT NULL THEN
        EXECUTE format('SELECT %I::text FROM %I WHERE id = $1', label[3], label[2])
            INTO subject USING (row_ ->> label[1])::bigint;
    END IF;
    INSERT INTO audit_entry (tenant_id, at, who_kind, who_id, who, on_behalf, action, subject_id, subject, changes,
                             address, agent, request_id)
    VALUES (
        (row_ ->> TG_ARGV[4])::bigint, clock_timestamp(), COALESCE(who ->> 'who_kind', 'service'),
        (who ->> 'who_id')::bigint, COALESCE(who ->> 'who', 'Forgeline'), COALESCE(who ->> 'on_behalf', ''),
        TG_ARGV[0] || CASE TG_OP WHEN 'INSERT' THEN '.made' WHEN 'UPDATE' THEN '.changed' ELSE '.removed' END,
        (row_ ->> 'id')::bigint, left(COALESCE(subject, ''), 200), COALESCE(told, '{}'),
        COALESCE(who ->> 'address', ''), COALESCE(who ->> 'agent', ''), COALESCE(who ->> 'request_id', '')
    );
    RETURN NULL;
END $$;
"""

# The owner alone shortens the log, through functions that leave behind how much is gone.
WALL = """
REVOKE UPDATE, DELETE, TRUNCATE ON audit_entry FROM forgeline_app;

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('forgeline.audit_shortens', true) = 'yes'
       AND current_user = 'forgeline_owner' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'The audit log is append-only.' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_wall BEFORE UPDATE OR DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_refuse();

-- Both bound to the tenant in force by the table's forced policy, and by their own WHERE.
CREATE FUNCTION audit_shorten(before timestamptz, why text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    tenant bigint := NULLIF(current_setting('forgeline.tenant_id', true), '')::bigint;
    gone bigint; first_at timestamptz; last_at timestamptz;
BEGIN
    PERFORM set_config('forgeline.audit_shortens', 'yes', true);
    WITH removed AS (
        DELETE FROM audit_entry WHERE tenant_id = tenant AND at < before AND action <> 'audit.shortened' RETURNING at
    )
    SELECT count(*), min(at), max(at) INTO gone, first_at, last_at FROM removed;
    PERFORM set_config('forgeline.audit_shortens', '', true);
    IF gone > 0 THEN
        INSERT INTO audit_entry (tenant_id, at, who_kind, who, on_behalf, action, subject, changes, address, agent, request_id)
        VALUES (tenant, clock_timestamp(), 'service', 'Forgeline', '', 'audit.shortened', why,
                jsonb_build_object('entries', jsonb_build_array(gone, 0), 'from', jsonb_build_array(first_at, NULL),
                                   'to', jsonb_build_array(last_at, NULL)), '', '', '');
    END IF;
    RETURN gone;
END $$;
REVOKE ALL ON FUNCTION audit_shorten(timestamptz, text) FROM PUBLIC;

CREATE FUNCTION audit_trim(before timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT audit_shorten(LEAST(before, now() - interval '30 days'), 'retention')
$$;
CREATE FUNCTION audit_erase() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT audit_shorten(clock_timestamp(), 'erasure')
$$;
REVOKE ALL ON FUNCTION audit_trim(timestamptz), audit_erase() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_trim(timestamptz), audit_erase() TO forgeline_app;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = [("tenancy", "0003_branches")]
    operations = [
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("who_kind", models.CharField(max_length=10)),
                ("who_id", models.BigIntegerField(null=True)),
                ("who", models.CharField(max_length=160)),
                ("on_behalf", models.CharField(blank=True, max_length=160)),
                ("action", models.CharField(max_length=80)),
                ("subject_id", models.BigIntegerField(null=True)),
                ("subject", models.CharField(blank=True, max_length=200)),
                ("changes", models.JSONField(default=dict)),
                ("address", models.CharField(blank=True, max_length=45)),
                ("agent", models.CharField(blank=True, max_length=120)),
                ("request_id", models.CharField(blank=True, max_length=64)),
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
                "indexes": [
                    models.Index(fields=["tenant", "-id"], name="audit_entry_newest"),
                    models.Index(fields=["tenant", "action", "-id"], name="audit_entry_action"),
                ],
            },
        ),
        EnableRowSecurity("audit_entry"),
        # Whoever is limited to branches writes entries like everybody, and reads none.
        LimitToBranches("audit_entry", write="true", read="false"),
        migrations.RunSQL(
            ROW, reverse_sql="DROP FUNCTION audit_row(); DROP FUNCTION audit_conceal(jsonb)"
        ),
        migrations.RunSQL(
            WALL,
            reverse_sql="""
                DROP FUNCTION audit_erase(); DROP FUNCTION audit_trim(timestamptz);
                DROP FUNCTION audit_shorten(timestamptz, text);
                DROP TRIGGER audit_wall ON audit_entry;
                DROP FUNCTION audit_refuse();
            """,
        ),
        AuditRows("tenancy_tenant", kind="tenancy.company", column="id"),
    ]  # fmt: skip
