"""Sign-in, set-up, plant overview, machine page."""
