"""Wing 3: dashboards are data; this wing will validate, edit, serve and stream them."""
