"""The real parts that tests talk to and no wheel brings: TimescaleDB in two editions, a Chromium.

Not here: PostgreSQL, Valkey and the broker, which tests take from ``forgeline.embedded`` like ``make up`` does.
"""
