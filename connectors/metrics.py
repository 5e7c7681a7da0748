"""Gauges and counters of a connector process for /metrics. Not here: what they count."""

from __future__ import annotations

from prometheus_client import Gauge

from connectors.contract import ConnectionState
from connectors.runtime.fleet import Fleet
from connectors.runtime.pipeline import Pipeline
from connectors.runtime.writer import Writer

CONNECTIONS = Gauge(
    "forgeline_connections", "Connections that this process runs.", ["state"], multiprocess_mode="livesum"
)
ROWS_WAITING = Gauge(
    "forgeline_pipeline_rows_waiting", "Samples on their way to the store.", multiprocess_mode="livesum"
)
OFFERS_REFUSED = Gauge(
    "forgeline_pipeline_full", "How often a source found the pipeline full.", multiprocess_mode="livesum"
)
SPOOL_BYTES = Gauge(
    "forgeline_spool_bytes", "Samples on disk that wait for the store.", multiprocess_mode="livesum"
)
SPOOL_FULL = Gauge(
    "forgeline_spool_full", "1 while the spool is full and sources wait.", multiprocess_mode="livesum"
)
STORE_AWAY = Gauge("forgeline_store_away", "1 while the store is away.", multiprocess_mode="livesum")
ROWS_WRITTEN = Gauge("forgeline_connector_rows", "Samples handed to the store.", multiprocess_mode="livesum")
WRITE_FAULTS = Gauge(
    "forgeline_connector_write_faults",
    "Batches that the store refused as a whole.",
    multiprocess_mode="livesum",
)
MESSAGES = Gauge(
    "forgeline_connector_messages", "Messages received.", ["connection"], multiprocess_mode="livesum"
)
SAMPLES = Gauge(
    "forgeline_connector_samples",
    "Samples by what became of them.",
    ["connection", "fate"],
    multiprocess_mode="livesum",
)
REJECTED = Gauge(
    "forgeline_connector_rejected",
    "Samples and messages refused.",
    ["connection", "reason"],
    multiprocess_mode="livesum",
)

BROKER = Gauge(
    "forgeline_broker",
    "What the platform's broker counts itself: messages dropped since it was started, messages and bytes kept.",
    ["count"],
    multiprocess_mode="livesum",
)
"""Absent where the broker tells nothing: not known is not 0."""


def export(pipeline: Pipeline, writer: Writer, fleet: Fleet) -> None:
    """Set every gauge to what is so now."""
    facts = writer.facts
    states = [supervisor.state for supervisor in fleet.running.values()]
    for state in ConnectionState:
        CONNECTIONS.labels(state.value).set(states.count(state))
    for supervisor in fleet.running.values():
        for name, value in dict(supervisor.counters.measures).items():
            BROKER.labels(name).set(value)
    ROWS_WAITING.set(pipeline.depth_rows)
    OFFERS_REFUSED.set(pipeline.refused_offers)
    SPOOL_BYTES.set(facts.spool_bytes)
    SPOOL_FULL.set(facts.is_full)
    STORE_AWAY.set(facts.is_away)
    ROWS_WRITTEN.set(facts.rows)
    WRITE_FAULTS.set(facts.faults)
    for counters in pipeline.routes.sources:
        connection = str(counters.connection_id)
        MESSAGES.labels(connection).set(counters.received)
        for fate in ("decoded", "stored", "duplicate", "late", "replayed", "dropped", "spooled"):
            SAMPLES.labels(connection, fate).set(getattr(counters, fate))
        for reason, count in dict(counters.rejected).items():
            REJECTED.labels(connection, reason).set(count)
