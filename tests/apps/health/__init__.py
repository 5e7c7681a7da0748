"""Machine health: maintenance."""
