"""Machines that tell before they fail: health, anomalies, remaining life, risk."""
