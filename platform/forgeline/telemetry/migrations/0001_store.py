"""Tables of the store, the doors that each role has to them, and the chunks of the chosen engine.

Samples, roll-ups and latest carry no row-level security (columnstore and row security exclude each other on one
table) and give forgeline_app nothing: it reads them through the views at the end, which join the point. Those views
are the owner's and behind a security barrier; the point's own policy decides whose rows come out.
"""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import migrations

TABLES = """
CREATE TABLE telemetry_sample (
    ts timestamptz NOT NULL,
    value double precision,
    point_id integer NOT NULL,
    quality smallint NOT NULL,
    flags smallint NOT NULL,
    status bigint,
    PRIMARY KEY (point_id, ts)
) {partitioned};
COMMENT ON COLUMN telemetry_sample.status IS 'the source''s own code; NULL for none';

CREATE TABLE telemetry_text (
    ts timestamptz NOT NULL,
    point_id integer NOT NULL,
    quality smallint NOT NULL,
    flags smallint NOT NULL,
    status bigint,
    text text,
    PRIMARY KEY (point_id, ts)
) {partitioned};

CREATE TABLE telemetry_rollup_1m (
    bucket timestamptz NOT NULL,
    point_id integer NOT NULL,
    count integer NOT NULL,
    good_count integer NOT NULL,
    covered_s double precision NOT NULL,
    integral double precision NOT NULL,
    minimum double precision, maximum double precision, total double precision,
    first double precision, last double precision, increase double precision,
    PRIMARY KEY (point_id, bucket)
) {partitioned_bucket};

CREATE TABLE telemetry_rollup_1h (LIKE telemetry_rollup_1m INCLUDING ALL);
CREATE TABLE telemetry_rollup_1d (LIKE telemetry_rollup_1m INCLUDING ALL);

CREATE TABLE telemetry_latest (
    point_id integer PRIMARY KEY,
    ts timestamptz NOT NULL,
    value double precision,
    quality smallint NOT NULL,
    flags smallint NOT NULL,
    status bigint,
    text text
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE telemetry_commit (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    tenant_id bigint NOT NULL REFERENCES tenancy_tenant (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    writer_id bigint NOT NULL,
    committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ts_from timestamptz NOT NULL,
    ts_to timestamptz NOT NULL,
    inserted integer NOT NULL,
    replaced integer NOT NULL,
    point_ids integer[] NOT NULL,
    late_from timestamptz,
    late_point_ids integer[] NOT NULL DEFAULT '{{}}',
    PRIMARY KEY (xid, seq)
);
CREATE INDEX telemetry_commit_tenant ON telemetry_commit (tenant_id, xid, seq);
CREATE INDEX telemetry_commit_writer ON telemetry_commit (writer_id, seq);
CREATE INDEX telemetry_commit_age ON telemetry_commit USING brin (committed_at);
-- Thousands of ids a row: compressing them costs more than it saves.
ALTER TABLE telemetry_commit ALTER point_ids SET STORAGE EXTERNAL, ALTER late_point_ids SET STORAGE EXTERNAL;

CREATE TABLE telemetry_follower (
    name text PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT '0',
    seq bigint NOT NULL DEFAULT 0,
    moved_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE telemetry_writer (
    writer_id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    latest_seq bigint NOT NULL DEFAULT 0,
    minute_seq bigint NOT NULL DEFAULT 0,
    hour_seq bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE telemetry_writer IS
    'how far each ingesting process has brought latest values and roll-ups; who dies leaves the rest to the others';

CREATE TABLE telemetry_retention (
    tenant_id bigint PRIMARY KEY REFERENCES tenancy_tenant (id) ON DELETE CASCADE,
    raw_days double precision NOT NULL CHECK (raw_days > 0)
);

CREATE TABLE telemetry_composed (
    resolution text NOT NULL,
    zone text NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (resolution, zone)
);
COMMENT ON TABLE telemetry_composed IS 'up to when hours and days of a zone have been put together';
"""

# A policy for the ingest role beside the tenant's: it takes points and commits of all tenants.
INGEST = """
ALTER TABLE telemetry_commit ENABLE ROW LEVEL SECURITY;
ALTER TABLE telemetry_commit FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON telemetry_commit
    USING (tenant_id = NULLIF(current_setting('forgeline.tenant_id', true), '')::bigint);
CREATE POLICY ingest ON telemetry_commit TO forgeline_ingest USING (true) WITH CHECK (true);

ALTER TABLE telemetry_retention ENABLE ROW LEVEL SECURITY;
ALTER TABLE telemetry_retention FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON telemetry_retention
    USING (tenant_id = NULLIF(current_setting('forgeline.tenant_id', true), '')::bigint);
CREATE POLICY ingest ON telemetry_retention FOR SELECT TO forgeline_ingest USING (true);

REVOKE ALL ON telemetry_sample, telemetry_text, telemetry_rollup_1m, telemetry_rollup_1h, telemetry_rollup_1d,
    telemetry_latest, telemetry_commit, telemetry_writer, telemetry_composed FROM forgeline_app;
GRANT SELECT ON telemetry_commit TO forgeline_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON telemetry_follower, telemetry_retention TO forgeline_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON telemetry_sample, telemetry_text, telemetry_rollup_1m, telemetry_rollup_1h,
    telemetry_rollup_1d, telemetry_latest, telemetry_commit, telemetry_writer, telemetry_follower,
    telemetry_composed TO forgeline_ingest;
GRANT SELECT ON telemetry_retention TO forgeline_ingest;

CREATE FUNCTION telemetry_tell_points() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('forgeline_points', '');
    RETURN NULL;
END $$;
CREATE TRIGGER telemetry_tell AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON assets_point
    FOR EACH STATEMENT EXECUTE FUNCTION telemetry_tell_points();
CREATE TRIGGER telemetry_tell AFTER UPDATE OF zone ON assets_site
    FOR EACH STATEMENT EXECUTE FUNCTION telemetry_tell_points();
"""

# The one place that knows the difference between the engines' chunks; the engines call these functions.
CHUNKED = {"telemetry_sample": ("ts", 1), "telemetry_text": ("ts", 1), "telemetry_rollup_1m": ("bucket", 7)}

POSTGRES = """
-- Table and days of a chunk.
CREATE FUNCTION telemetry_chunked() RETURNS TABLE (parent text, days integer) LANGUAGE sql IMMUTABLE AS $$
    VALUES {chunked}
$$;

-- A chunk is made beside its parent and attached: CREATE … PARTITION OF would stop readers and writers alike.
CREATE FUNCTION telemetry_make_chunks(from_ts timestamptz, to_ts timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    kind record; start_on date; made integer := 0; chunk text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('telemetry_make_chunks'));
    FOR kind IN SELECT parent, days FROM telemetry_chunked() LOOP
        start_on := date '1970-01-01' + ((from_ts::date - date '1970-01-01') / kind.days) * kind.days;
        WHILE start_on <= to_ts::date LOOP
            chunk := format('%s_p%s', kind.parent, to_char(start_on, 'YYYYMMDD'));
            IF to_regclass(chunk) IS NULL THEN
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', chunk, kind.parent);
                EXECUTE format('REVOKE ALL ON %I FROM forgeline_app', chunk);
                EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                    kind.parent, chunk, start_on::timestamptz, (start_on + kind.days)::timestamptz);
                made := made + 1;
            END IF;
            start_on := start_on + kind.days;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

CREATE FUNCTION telemetry_list_chunks(wanted text)
RETURNS TABLE (name text, from_ts timestamptz, to_ts timestamptz, bytes bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
    SELECT c.relname::text, right(c.relname, 8)::date::timestamptz, (right(c.relname, 8)::date + k.days)::timestamptz,
           pg_total_relation_size(c.oid)
    FROM telemetry_chunked() k
    JOIN pg_inherits i ON i.inhparent = k.parent::regclass
    JOIN pg_class c ON c.oid = i.inhrelid
    WHERE k.parent = wanted ORDER BY 2
$$;

CREATE FUNCTION telemetry_drop_chunks(wanted text, before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE chunk text; gone integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('telemetry_make_chunks'));
    FOR chunk IN SELECT l.name FROM telemetry_list_chunks(wanted) l WHERE l.to_ts <= before LOOP
        EXECUTE format('DROP TABLE %I', chunk);
        gone := gone + 1;
    END LOOP;
    RETURN gone;
END $$;

CREATE FUNCTION telemetry_compress_chunks(wanted text, before timestamptz) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$ SELECT 0 $$;

CREATE FUNCTION telemetry_engine() RETURNS TABLE (engine text, compresses boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$ SELECT 'postgres', false $$;
"""

TIMESCALE = """
CREATE FUNCTION telemetry_make_chunks(from_ts timestamptz, to_ts timestamptz) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$ SELECT 0 $$;

CREATE FUNCTION telemetry_list_chunks(wanted text)
RETURNS TABLE (name text, from_ts timestamptz, to_ts timestamptz, bytes bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.chunk_name::text, c.range_start, c.range_end,
           pg_total_relation_size(format('%I.%I', c.chunk_schema, c.chunk_name)::regclass)
    FROM timescaledb_information.chunks c WHERE c.hypertable_name = wanted ORDER BY 2
$$;

CREATE FUNCTION telemetry_drop_chunks(wanted text, before timestamptz) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*)::integer FROM drop_chunks(wanted::regclass, older_than => before)
$$;

CREATE FUNCTION telemetry_engine() RETURNS TABLE (engine text, compresses boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT 'timescale', current_setting('timescaledb.license', true) = 'timescale'
$$;
"""

COLUMNSTORE = """
ALTER TABLE {table} SET (timescaledb.compress, timescaledb.compress_segmentby = 'point_id',
    timescaledb.compress_orderby = '{column}');
"""

COMPRESS = """
CREATE FUNCTION telemetry_compress_chunks(wanted text, before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE chunk record; done integer := 0;
BEGIN
    FOR chunk IN SELECT format('%I.%I', c.chunk_schema, c.chunk_name)::regclass AS name
                 FROM timescaledb_information.chunks c
                 WHERE c.hypertable_name = wanted AND NOT c.is_compressed AND c.range_end <= before LOOP
        PERFORM compress_chunk(chunk.name);
        done := done + 1;
    END LOOP;
    RETURN done;
END $$;
"""

NO_COMPRESS = """
CREATE FUNCTION telemetry_compress_chunks(wanted text, before timestamptz) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$ SELECT 0 $$;
"""

CHUNK_GRANTS = """
GRANT EXECUTE ON FUNCTION telemetry_make_chunks(timestamptz, timestamptz) TO forgeline_ingest;
GRANT EXECUTE ON FUNCTION telemetry_list_chunks(text) TO forgeline_ingest;
GRANT EXECUTE ON FUNCTION telemetry_drop_chunks(text, timestamptz) TO forgeline_ingest;
GRANT EXECUTE ON FUNCTION telemetry_compress_chunks(text, timestamptz) TO forgeline_ingest;
GRANT EXECUTE ON FUNCTION telemetry_engine() TO forgeline_ingest, forgeline_app;
"""

# Retention shorter than the chunks' is cut here at once; the rows follow chunk by chunk.
CUT = "COALESCE((SELECT now() - r.raw_days * interval '1 day' FROM telemetry_retention r), '-infinity')"

# The point's own id is shown, not the row's: a list of points then narrows the points first, and each is looked up in
# its turn, whatever the planner knows of the tables.
ROLLUP = (
    "p.id AS point_id, r.bucket, r.count, r.good_count, r.covered_s, r.integral, r.minimum, r.maximum, r.total,"
    " r.first, r.last, r.increase"
)

VIEWS = f"""
CREATE VIEW telemetry_read_sample WITH (security_barrier) AS
    SELECT p.id AS point_id, s.ts, s.value, s.quality, s.flags, COALESCE(s.status, 0) AS status
    FROM assets_point p JOIN telemetry_sample s ON s.point_id = p.id
    WHERE s.ts >= {CUT};

CREATE VIEW telemetry_read_text WITH (security_barrier) AS
    SELECT p.id AS point_id, s.ts, s.text, s.quality, s.flags, COALESCE(s.status, 0) AS status
    FROM assets_point p JOIN telemetry_text s ON s.point_id = p.id
    WHERE s.ts >= {CUT};

CREATE VIEW telemetry_read_latest WITH (security_barrier) AS
    SELECT p.id AS point_id, s.ts, s.value, s.quality, s.flags, COALESCE(s.status, 0) AS status, s.text
    FROM assets_point p JOIN telemetry_latest s ON s.point_id = p.id;

CREATE VIEW telemetry_read_rollup_1m WITH (security_barrier) AS
    SELECT {ROLLUP} FROM assets_point p JOIN telemetry_rollup_1m r ON r.point_id = p.id;
CREATE VIEW telemetry_read_rollup_1h WITH (security_barrier) AS
    SELECT {ROLLUP} FROM assets_point p JOIN telemetry_rollup_1h r ON r.point_id = p.id;
CREATE VIEW telemetry_read_rollup_1d WITH (security_barrier) AS
    SELECT {ROLLUP} FROM assets_point p JOIN telemetry_rollup_1d r ON r.point_id = p.id;

-- ORDER BY ts DESC LIMIT 1 does not pass a security barrier, so it stands inside one. The function runs as the
-- owner, whom the point's forced policy binds to the tenant in force.
CREATE FUNCTION telemetry_last_before(wanted integer[], before timestamptz)
RETURNS TABLE (point_id integer, ts timestamptz, value double precision, quality smallint, flags smallint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.id, s.ts, s.value, s.quality, s.flags
    FROM assets_point p
    CROSS JOIN LATERAL (
        SELECT * FROM telemetry_sample t
        WHERE t.point_id = p.id AND t.ts < before AND t.ts >= {CUT}
        ORDER BY t.ts DESC LIMIT 1
    ) s
    WHERE p.id = ANY (wanted)
$$;
GRANT EXECUTE ON FUNCTION telemetry_last_before(integer[], timestamptz) TO forgeline_app;

REVOKE ALL ON telemetry_read_sample, telemetry_read_text, telemetry_read_latest, telemetry_read_rollup_1m,
    telemetry_read_rollup_1h, telemetry_read_rollup_1d FROM forgeline_app;
GRANT SELECT ON telemetry_read_sample, telemetry_read_text, telemetry_read_latest, telemetry_read_rollup_1m,
    telemetry_read_rollup_1h, telemetry_read_rollup_1d TO forgeline_app;
"""

UNDO = """
DROP VIEW telemetry_read_sample, telemetry_read_text, telemetry_read_latest, telemetry_read_rollup_1m,
    telemetry_read_rollup_1h, telemetry_read_rollup_1d;
DROP FUNCTION telemetry_last_before(integer[], timestamptz);
DROP FUNCTION telemetry_make_chunks(timestamptz, timestamptz);
DROP FUNCTION telemetry_drop_chunks(text, timestamptz);
DROP FUNCTION telemetry_list_chunks(text);
DROP FUNCTION telemetry_compress_chunks(text, timestamptz);
DROP FUNCTION telemetry_engine();
DROP FUNCTION IF EXISTS telemetry_chunked();
DROP TRIGGER telemetry_tell ON assets_point;
DROP TRIGGER telemetry_tell ON assets_site;
DROP FUNCTION telemetry_tell_points();
DROP TABLE telemetry_sample, telemetry_text, telemetry_rollup_1m, telemetry_rollup_1h, telemetry_rollup_1d,
    telemetry_latest, telemetry_commit, telemetry_follower, telemetry_writer, telemetry_retention, telemetry_composed;
"""


def choose_engine(cursor: Any) -> str:
    """Take what the setting names; ``auto`` takes timescale where the extension has been made."""
    wanted = settings.TELEMETRY["ENGINE"]
    cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")
    present = cursor.fetchone() is not None
    if wanted not in ("auto", "timescale", "postgres"):
        raise ImproperlyConfigured(
            f"FORGELINE_STORE_ENGINE is {wanted!r}; it must be auto, timescale or postgres."
        )
    if wanted == "timescale" and not present:
        raise ImproperlyConfigured(
            "FORGELINE_STORE_ENGINE is timescale, but the database has no TimescaleDB. "
            "Install it on the server and run `manage.py provision_database`, or set FORGELINE_STORE_ENGINE=postgres."
        )
    return "timescale" if present and wanted != "postgres" else "postgres"


def make_store(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        engine = choose_engine(cursor)
        by = "PARTITION BY RANGE ({})" if engine == "postgres" else ""
        tables = TABLES.format(partitioned=by.format("ts"), partitioned_bucket=by.format("bucket"))
        cursor.execute(tables)
        cursor.execute(INGEST)
        if engine == "postgres":
            chunked = ", ".join(f"('{table}', {days})" for table, (_, days) in CHUNKED.items())
            cursor.execute(POSTGRES.replace("{chunked}", chunked))
            cursor.execute("SELECT telemetry_make_chunks(now(), now() + interval '3 days')")
        else:
            make_hypertables(cursor)
        cursor.execute(CHUNK_GRANTS)
        cursor.execute(VIEWS)


def make_hypertables(cursor: Any) -> None:
    cursor.execute("SELECT current_setting('timescaledb.license', true)")
    has_columnstore = cursor.fetchone()[0] == "timescale"
    for table, (column, days) in CHUNKED.items():
        cursor.execute(
            "SELECT create_hypertable(%s::regclass, by_range(%s, make_interval(days => %s)), create_default_indexes => false)",
            [table, column, days],
        )
        if has_columnstore:
            cursor.execute(COLUMNSTORE.format(table=table, column=column))
    cursor.execute(TIMESCALE)
    cursor.execute(COMPRESS if has_columnstore else NO_COMPRESS)


def unmake_store(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(UNDO)


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0002_row_security"), ("assets", "0002_row_security")]

    operations = [migrations.RunPython(make_store, unmake_store)]
