"""`make up` on a fresh clone, as a stranger meets it. Not a pytest suite: ``python -m tests.smoke`` runs it.

Standard library alone: it starts where nothing is installed yet.
"""
