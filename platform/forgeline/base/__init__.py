"""Errors, clock, units and the API envelope: what every room may use. Nothing here knows a table."""
