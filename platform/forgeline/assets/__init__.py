"""The plant: sites, the asset tree, devices, points, profiles, calendar. Not here: samples (telemetry)."""
