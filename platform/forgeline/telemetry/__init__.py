"""Samples: the one write door, the reads, machine states. Not here: how a protocol speaks (connectors)."""
