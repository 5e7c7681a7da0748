"""Wing 1, the outside world: connections to devices and how their readings reach the store."""
