"""Tags of the pages of maintenance."""
