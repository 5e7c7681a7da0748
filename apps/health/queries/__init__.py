"""Reads of maintenance, one noun a file."""
