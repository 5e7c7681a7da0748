"""OPC UA: browse, subscribe or poll, back-fill. Not here: what a reading becomes (runtime/pipeline)."""
