"""The reference statement: what a roll-up is, computed from samples with window functions. Both engines, one text.

Everything else that makes roll-ups (partial sums in numpy, composing hours of minutes) must agree with this; a
property test compares them. The words of the definition are in engines/base.
"""

from __future__ import annotations

TASKS = """
    SELECT * FROM unnest(%(points)s, %(starts)s, %(ends)s, %(holds)s, %(counters)s)
        AS t (point_id, start_ts, end_ts, hold_us, is_counter)
"""
"""One row a bucket to compute: point, [start, end), the longest hold in microseconds, 1 for a counter."""

# A hold is at most `hold`, so the sample that reaches into the bucket lies no further back than that.
_COVERAGE = """
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
            s.ts >= t.start_ts AND s.quality = 0 AND s.flags & 2 = 0 AS is_value,
            CASE WHEN s.quality = 0 AND s.value IS NOT NULL THEN GREATEST(0, date_part('epoch',
                LEAST(lead(s.ts) OVER (ORDER BY s.ts), s.ts + t.hold_us * interval '1 microsecond', t.end_ts)
                - GREATEST(s.ts, t.start_ts)))
            END AS seconds
        FROM (
            (SELECT b.ts, b.value, b.quality, b.flags FROM {samples} b
             WHERE b.point_id = t.point_id AND b.ts < t.start_ts
               AND b.ts > t.start_ts - t.hold_us * interval '1 microsecond'
             ORDER BY b.ts DESC LIMIT 1)
            UNION ALL
            SELECT i.ts, i.value, i.quality, i.flags FROM {samples} i
            WHERE i.point_id = t.point_id AND i.ts >= t.start_ts AND i.ts < t.end_ts
        ) s
    ) x
"""

_INCREASE = """
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
            (SELECT b.ts, b.value FROM {samples} b
             WHERE b.point_id = t.point_id AND b.ts < t.start_ts AND b.quality = 0 AND b.flags & 2 = 0
             ORDER BY b.ts DESC LIMIT 1)
            UNION ALL
            SELECT i.ts, i.value FROM {samples} i
            WHERE i.point_id = t.point_id AND i.ts >= t.start_ts AND i.ts < t.end_ts
              AND i.quality = 0 AND i.flags & 2 = 0
            UNION ALL
            (SELECT a.ts, a.value FROM {samples} a
             WHERE a.point_id = t.point_id AND a.ts >= t.end_ts
               AND a.ts < t.end_ts + t.hold_us * interval '1 microsecond' AND a.quality = 0 AND a.flags & 2 = 0
             ORDER BY a.ts LIMIT 1)
        ) m
    ) p
    WHERE p.before_ts IS NOT NULL
"""

COLUMNS = (
    "point_id", "bucket", "count", "good_count", "covered_s", "integral",
    "minimum", "maximum", "total", "first", "last", "increase",
)  # fmt: skip


def reference(samples: str = "telemetry_sample") -> str:
    """Return the statement; ``samples`` is the table, or the view through which the app's role sees it."""
    return f"""
SELECT t.point_id, t.start_ts AS bucket, c.count, c.good_count, c.covered_s, c.integral,
       c.minimum, c.maximum, c.total, c.first, c.last, n.increase
FROM ({TASKS}) t
CROSS JOIN LATERAL ({_COVERAGE.format(samples=samples)}) c
LEFT JOIN LATERAL ({_INCREASE.format(samples=samples)}) n ON t.is_counter = 1
"""


def composition(finer: str) -> str:
    """Return the statement that puts a bucket together from the finer buckets that tile it."""
    return f"""
SELECT t.point_id, t.start_ts AS bucket, sum(r.count)::integer AS count, sum(r.good_count)::integer AS good_count,
       COALESCE(sum(r.covered_s), 0)::float8 AS covered_s, COALESCE(sum(r.integral), 0)::float8 AS integral,
       min(r.minimum) AS minimum, max(r.maximum) AS maximum, sum(r.total) AS total,
       (array_agg(r.first ORDER BY r.bucket) FILTER (WHERE r.good_count > 0))[1] AS first,
       (array_agg(r.last ORDER BY r.bucket DESC) FILTER (WHERE r.good_count > 0))[1] AS last,
       sum(r.increase) AS increase
FROM ({TASKS}) t
JOIN {finer} r ON r.point_id = t.point_id AND r.bucket >= t.start_ts AND r.bucket < t.end_ts
GROUP BY t.point_id, t.start_ts
"""
