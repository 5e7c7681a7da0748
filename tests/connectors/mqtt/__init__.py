"""MQTT against real brokers: the wire, the session, the payloads of real meters."""
