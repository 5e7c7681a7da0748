"""Pages of maintenance, one subject a file: one call, then a template."""
