"""Tests of the demo plant: replay, history, recordings, OPC UA server, MQTT devices, seeding."""
