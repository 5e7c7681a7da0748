"""Forgeline's kernel: what every wing stands on. The order of its rooms is checked by import-linter."""
