"""The store beneath telemetry: one contract (base), two engines (postgres, timescale), what they share (store)."""
