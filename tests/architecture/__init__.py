"""The rules of the house that a machine can check: imports, names, files, locks, tables, translations."""
