"""What points have said since a time of their own each: what a judge of rules reads in each round."""

from django.db import migrations

CUT = "COALESCE((SELECT now() - r.raw_days * interval '1 day' FROM telemetry_retention r), '-infinity')"

# A probe of the index a point. The view would do, but asks the planner to see that it may be narrowed by two lists; the
# function runs as the owner, whom the point's forced policy binds to the tenant in force.
NEWS = f"""
CREATE FUNCTION telemetry_news(wanted integer[], after_us bigint[], most integer)
RETURNS TABLE (point_id integer, ts timestamptz, value double precision, quality smallint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.id, s.ts, s.value, s.quality
    FROM (
        SELECT u.id, timestamptz 'epoch' + u.us * interval '1 microsecond' AS after_ts
        FROM unnest(wanted, after_us) AS u (id, us)
    ) w
    JOIN assets_point p ON p.id = w.id
    CROSS JOIN LATERAL (
        SELECT t.ts, t.value, t.quality FROM telemetry_sample t
        WHERE t.point_id = p.id AND t.ts > w.after_ts AND t.ts >= {CUT}
        ORDER BY t.ts LIMIT most
    ) s
$$;
GRANT EXECUTE ON FUNCTION telemetry_news(integer[], bigint[], integer) TO forgeline_app;
"""


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0003_states")]
    operations = [
        migrations.RunSQL(sql=NEWS, reverse_sql="DROP FUNCTION telemetry_news(integer[], bigint[], integer)")
    ]
