"""Counters of notifications for /metrics: what was announced, what went, what did not. No logic here."""

from __future__ import annotations

from prometheus_client import Counter

ANNOUNCED = Counter("forgeline_notices_announced_total", "Messages announced.", ["kind"])
SENT = Counter("forgeline_deliveries_sent_total", "Deliveries that went.", ["via"])
FAILED = Counter("forgeline_deliveries_failed_total", "Deliveries given up.", ["via", "reason"])
RETRIED = Counter(
    "forgeline_deliveries_retried_total", "Tries that failed and are made again.", ["via", "reason"]
)
COLLECTED = Counter(
    "forgeline_deliveries_collected_total", "Deliveries put into a collected message.", ["why"]
)
NOT_WOKEN = Counter(
    "forgeline_notices_not_woken_total",
    "Announcements whose worker could not be called; the sweep finds them.",
)
