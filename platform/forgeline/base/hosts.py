"""Host names: what leads only to the machine that reads it. Not here: which addresses may be called (sending)."""

from __future__ import annotations


def is_only_here(host: str) -> bool:
    """Say whether a host leads every machine to itself: one that a phone or a device cannot be told."""
    return host in {"", "localhost", "::1"} or host.startswith("127.")
