"""Sets the plant up in Forgeline over REST: places, machines, devices, connection, history. Safe to repeat."""
