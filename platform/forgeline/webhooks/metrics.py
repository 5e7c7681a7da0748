"""Counters of the webhooks."""

from prometheus_client import Counter

DELIVERED = Counter("forgeline_webhooks_delivered_total", "Deliveries that were taken.")
RETRIED = Counter("forgeline_webhooks_retried_total", "Tries that failed and are made again.")
FAILED = Counter("forgeline_webhooks_failed_total", "Deliveries that were given up after 24 hours.")
STOPPED = Counter("forgeline_webhooks_stopped_total", "Endpoints that were stopped.")
