"""Counters and gauges of telemetry for /metrics: everything that waits or is dropped has one. No logic here."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ACCEPTED = Counter("forgeline_samples_accepted_total", "Samples that are on disk.")
REPLACED = Counter(
    "forgeline_samples_replaced_total", "Samples that took the place of one with the same point and time."
)
LATE = Counter("forgeline_samples_late_total", "Samples not newer than their point's last one.")
REFUSED = Counter("forgeline_samples_refused_total", "Samples that were refused.", ["reason"])
BATCHES = Counter("forgeline_batches_total", "Batches committed.")
BATCHES_FAILED = Counter("forgeline_batches_failed_total", "Batches that the store could not take.")
COPY_CONFLICTS = Counter(
    "forgeline_copy_conflicts_total", "Batches of which a row had been stored by another process."
)
BATCH_SECONDS = Histogram(
    "forgeline_batch_seconds", "Time from a batch's arrival to its commit.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
OBSERVER_FAILURES = Counter(
    "forgeline_observer_failures_total", "Observers of a stored batch that failed.", ["observer"]
)

LATEST_WAITING = Gauge(
    "forgeline_latest_waiting", "Points whose latest value waits to be written.", multiprocess_mode="livesum"
)
ROLLUPS_BEYOND = Counter(
    "forgeline_rollups_beyond_total", "Buckets left out because no number holds their sum."
)
ROLLUPS_WAITING = Gauge(
    "forgeline_rollup_rows_waiting", "Closed buckets that wait to be written.", multiprocess_mode="livesum"
)
RECOMPUTES_WAITING = Gauge(
    "forgeline_rollup_recomputes_waiting",
    "Buckets that wait to be computed anew from samples.",
    multiprocess_mode="livesum",
)
ROLLUP_ROWS = Counter("forgeline_rollup_rows_total", "Roll-up rows written.", ["how"])
FLUSH_SECONDS = Histogram(
    "forgeline_flush_seconds", "Time to write what waits: latest values and roll-ups.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
FLUSH_FAILURES = Counter("forgeline_flush_failures_total", "Flushes that failed and will be tried again.")
FOLLOWER_LAG = Gauge(
    "forgeline_follower_lag_seconds", "Time since a follower of the commit log last moved; the log keeps a day.",
    ["follower"], multiprocess_mode="mostrecent",
)  # fmt: skip
FOLLOWERS_LOST = Counter(
    "forgeline_followers_lost_total",
    "Followers that stood still longer than the log is kept, and began anew from samples.",
    ["follower"],
)
RECOVERED_WRITERS = Counter(
    "forgeline_recovered_writers_total", "Processes that died and left work that was taken over."
)
