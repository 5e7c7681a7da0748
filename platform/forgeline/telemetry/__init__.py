"""Samples: the one write door (ingest), reads (queries), roll-ups, machine states. Not here: points (assets)."""
