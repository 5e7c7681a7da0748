"""A sample plant seen from outside: OPC UA server, MQTT devices, a REST client. Imports nothing of the house."""
