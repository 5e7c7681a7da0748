"""The list of the building's parts: kernel areas, wings, and who observes a stored batch. A module is one line here."""

from __future__ import annotations

KERNEL = [
    "forgeline.conf",
    "forgeline.web",
    "forgeline.transfer",
    "forgeline.billing",
    "forgeline.alarms",
    "forgeline.telemetry",
    "forgeline.assets",
    "forgeline.webhooks",
    "forgeline.sso",
    "forgeline.notifications",
    "forgeline.realtime",
    "forgeline.pages",
    "forgeline.identity",
    "forgeline.jobs",
    "forgeline.audit",
    "forgeline.entitlements",
    "forgeline.tenancy",
    "forgeline.modules",
]
"""Areas of the kernel that have tables, templates or commands."""

WINGS: list[str] = ["connectors"]
"""The connectors wing, the dashboards wing."""

MODULES: list[str] = ["apps.health"]
"""Plug-and-play modules of apps/; each has a ``module.MANIFEST``. Taking a line out leaves a platform that boots."""

BATCH_OBSERVERS: list[str] = ["forgeline.telemetry.live.publish_batch"]
"""Called with what was stored, after each commit of a batch (telemetry.ingest.register_observer)."""
