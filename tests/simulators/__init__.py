"""Devices and servers that tests and benchmarks talk to: real protocols, real sockets."""
