"""How to ask for roll-ups by their definition. The definition itself is the database's ``telemetry_reference``."""

from __future__ import annotations

COLUMNS = (
    "point_id", "bucket", "count", "good_count", "covered_s", "integral",
    "minimum", "maximum", "total", "first", "last", "increase",
)  # fmt: skip

REFERENCE = "SELECT * FROM telemetry_reference(%(points)s, %(starts)s, %(ends)s, %(holds)s, %(counters)s)"
"""Buckets computed from samples, as forgeline_ingest: every tenant's. Empty ones are left out."""

READ_REFERENCE = (
    "SELECT * FROM telemetry_read_reference("
    "%(points)s, %(starts)s, %(ends)s, %(holds)s::bigint[], %(counters)s::smallint[])"
)
"""The same as forgeline_app: those of the tenant in scope."""


def composition(finer: str) -> str:
    """Return the statement that puts a bucket together from the finer buckets that tile it."""
    return f"""
SELECT t.point_id, t.start_ts AS bucket, sum(r.count)::integer AS count, sum(r.good_count)::integer AS good_count,
       sum(r.covered_s)::float8 AS covered_s, sum(r.integral)::float8 AS integral,
       min(r.minimum) AS minimum, max(r.maximum) AS maximum, sum(r.total) AS total,
       (array_agg(r.first ORDER BY r.bucket) FILTER (WHERE r.good_count > 0))[1] AS first,
       (array_agg(r.last ORDER BY r.bucket DESC) FILTER (WHERE r.good_count > 0))[1] AS last,
       sum(r.increase) AS increase
FROM unnest(%(points)s, %(starts)s, %(ends)s) AS t (point_id, start_ts, end_ts)
JOIN {finer} r ON r.point_id = t.point_id AND r.bucket >= t.start_ts AND r.bucket < t.end_ts
GROUP BY t.point_id, t.start_ts
"""
