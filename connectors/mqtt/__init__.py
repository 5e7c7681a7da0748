"""MQTT: subscribe to a broker and read the payloads of common meters. Not here: what a reading becomes (runtime)."""
