"""Where batches go: the store, or a terminal. Not here: the spool that bridges an outage (runtime/spool)."""
