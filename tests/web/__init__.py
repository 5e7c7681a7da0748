"""The plant's own pages."""
