"""REST of maintenance, one noun a file: parse, one call, render."""
