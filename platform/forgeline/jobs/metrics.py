"""Counters of the jobs."""

from prometheus_client import Counter, Gauge

STARTED = Counter("forgeline_jobs_started_total", "Jobs that were asked for.", ["kind"])
FINISHED = Counter("forgeline_jobs_finished_total", "Jobs that ended.", ["kind", "state"])
FILES_BYTES = Gauge(
    "forgeline_jobs_files_bytes", "Bytes of all files of jobs.", multiprocess_mode="mostrecent"
)
FILES_REFUSED = Counter("forgeline_jobs_files_refused_total", "Files for which there was no room.")
FILES_EXPIRED = Counter("forgeline_jobs_files_expired_total", "Files that were deleted by age.")
