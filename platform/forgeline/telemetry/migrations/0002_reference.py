"""The reference statement: what a roll-up is, computed from samples with window functions. Both engines, one text.

Everything else that makes roll-ups (partial sums in numpy, hours composed of minutes) must agree with it; a property
test compares them. The words of the definition are in telemetry/engines/base.
"""

from django.db import migrations

TASKS = "wanted integer[], starts timestamptz[], ends timestamptz[], holds bigint[], counters smallint[]"

ROW = """(point_id integer, bucket timestamptz, count integer, good_count integer, covered_s double precision,
    integral double precision, minimum double precision, maximum double precision, total double precision,
    first double precision, last double precision, increase double precision)"""

# A hold is at most `hold`, so the sample that reaches into the bucket lies no further back than that.
COVERAGE = """
    SELECT
        count(*) FILTER (WHERE x.ts >= t.start_ts AND x.flags & 2 = 0)::integer AS count,
        count(*) FILTER (WHERE x.is_value)::integer AS good_count,
        COALESCE(sum(x.seconds), 0)::float8 AS covered_s,
        COALESCE(sum(x.seconds * x.value), 0)::float8 AS integral,
        min(x.value) FILTER (WHERE x.is_value) AS minimum,
        max(x.value) FILTER (WHERE x.is_value) AS maximum,
        sum(x.value) FILTER (WHERE x.is_value) AS total,
        (array_agg(x.value ORDER BY x.ts) FILTER (WHERE x.is_value))[1] AS first,
        (array_agg(x.value ORDER BY x.ts DESC) FILTER (WHERE x.is_value))[1] AS last
    FROM (
        SELECT s.ts, s.value, s.flags,
            s.ts >= t.start_ts AND s.quality = 0 AND s.value IS NOT NULL AND s.flags & 2 = 0 AS is_value,
            CASE WHEN s.quality = 0 AND s.value IS NOT NULL THEN GREATEST(0, date_part('epoch',
                LEAST(lead(s.ts) OVER (ORDER BY s.ts), s.ts + t.hold_us * interval '1 microsecond', t.end_ts)
                - GREATEST(s.ts, t.start_ts)))
            END AS seconds
        FROM (
            (SELECT b.ts, b.value, b.quality, b.flags FROM telemetry_sample b
             WHERE b.point_id = t.point_id AND b.ts < t.start_ts
               AND b.ts > t.start_ts - t.hold_us * interval '1 microsecond'
             ORDER BY b.ts DESC LIMIT 1)
            UNION ALL
            SELECT i.ts, i.value, i.quality, i.flags FROM telemetry_sample i
            WHERE i.point_id = t.point_id AND i.ts >= t.start_ts AND i.ts < t.end_ts
        ) s
    ) x
"""

INCREASE = """
    SELECT COALESCE(sum(
        CASE WHEN p.ts - p.before_ts <= t.hold_us * interval '1 microsecond' THEN
                 p.rise * GREATEST(0, date_part('epoch', LEAST(p.ts, t.end_ts) - GREATEST(p.before_ts, t.start_ts)))
                 / date_part('epoch', p.ts - p.before_ts)
             WHEN p.ts >= t.start_ts AND p.ts < t.end_ts THEN p.rise
             ELSE 0
        END), 0)::float8 AS increase
    FROM (
        SELECT m.ts, lag(m.ts) OVER (ORDER BY m.ts) AS before_ts,
            CASE WHEN m.value >= lag(m.value) OVER (ORDER BY m.ts) THEN m.value - lag(m.value) OVER (ORDER BY m.ts)
                 ELSE m.value END AS rise
        FROM (
            (SELECT b.ts, b.value FROM telemetry_sample b
             WHERE t.is_counter = 1 AND b.point_id = t.point_id AND b.ts < t.start_ts
               AND b.quality = 0 AND b.value IS NOT NULL AND b.flags & 2 = 0
             ORDER BY b.ts DESC LIMIT 1)
            UNION ALL
            SELECT i.ts, i.value FROM telemetry_sample i
            WHERE t.is_counter = 1 AND i.point_id = t.point_id AND i.ts >= t.start_ts AND i.ts < t.end_ts
              AND i.quality = 0 AND i.value IS NOT NULL AND i.flags & 2 = 0
            UNION ALL
            (SELECT a.ts, a.value FROM telemetry_sample a
             WHERE t.is_counter = 1 AND a.point_id = t.point_id AND a.ts >= t.end_ts
               AND a.ts < t.end_ts + t.hold_us * interval '1 microsecond'
               AND a.quality = 0 AND a.value IS NOT NULL AND a.flags & 2 = 0
             ORDER BY a.ts LIMIT 1)
        ) m
    ) p
    WHERE p.before_ts IS NOT NULL
"""

FUNCTIONS = f"""
-- One row a wanted bucket that is not empty: [start, end), the longest hold in microseconds, 1 for a counter.
CREATE FUNCTION telemetry_reference({TASKS}) RETURNS TABLE {ROW}
LANGUAGE sql STABLE SET search_path = public, pg_temp SET jit = off AS $$
    SELECT t.point_id, t.start_ts, c.count, c.good_count, c.covered_s, c.integral,
           c.minimum, c.maximum, c.total, c.first, c.last, CASE WHEN t.is_counter = 1 THEN n.increase END
    FROM unnest(wanted, starts, ends, holds, counters) AS t (point_id, start_ts, end_ts, hold_us, is_counter)
    CROSS JOIN LATERAL ({COVERAGE}) c
    CROSS JOIN LATERAL ({INCREASE}) n
    WHERE c.count > 0 OR c.covered_s > 0 OR n.increase <> 0
$$;
GRANT EXECUTE ON FUNCTION telemetry_reference(integer[], timestamptz[], timestamptz[], bigint[], smallint[])
    TO forgeline_ingest;

-- The same for the app's role: as the owner, whom the point's forced policy binds to the tenant in force.
CREATE FUNCTION telemetry_read_reference({TASKS}) RETURNS TABLE {ROW}
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.* FROM (
        SELECT array_agg(t.point_id) AS a, array_agg(t.start_ts) AS b, array_agg(t.end_ts) AS c,
               array_agg(t.hold_us) AS d, array_agg(t.is_counter) AS e
        FROM unnest(wanted, starts, ends, holds, counters) AS t (point_id, start_ts, end_ts, hold_us, is_counter)
        JOIN assets_point p ON p.id = t.point_id
    ) mine
    CROSS JOIN LATERAL telemetry_reference(mine.a, mine.b, mine.c, mine.d, mine.e) r
$$;
GRANT EXECUTE ON FUNCTION telemetry_read_reference(integer[], timestamptz[], timestamptz[], bigint[], smallint[])
    TO forgeline_app;
"""

UNDO = """
DROP FUNCTION telemetry_read_reference(integer[], timestamptz[], timestamptz[], bigint[], smallint[]);
DROP FUNCTION telemetry_reference(integer[], timestamptz[], timestamptz[], bigint[], smallint[]);
"""


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0001_store")]

    operations = [migrations.RunSQL(FUNCTIONS, UNDO)]
