"""Writes of maintenance, one noun a file; each asks for its permission."""
