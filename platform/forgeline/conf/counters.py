"""The counters of this process, or of all that share a folder, as Prometheus reads them. Not here: who may (health)."""

from __future__ import annotations

import os

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

log = structlog.get_logger(__name__)


def registry() -> CollectorRegistry:
    """Return the counters of all processes that share PROMETHEUS_MULTIPROC_DIR (`make up` sets it), else our own."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return REGISTRY
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]  # ships no types
    return shared


def serve(port: int) -> None:
    """Answer Prometheus on a port of its own: for workers and connectors, which have no other. 0: do not."""
    if not port:
        return
    try:
        start_http_server(port, registry=registry())
    except OSError as error:
        # A command by hand beside the process that serves already; it must run all the same.
        log.warning("metrics are not served", port=port, fault=str(error))
