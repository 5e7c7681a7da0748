"""Machines that tell before they fail: register, maintenance, inspections, health. See README.md."""
