"""``make bench``: the figures that Forgeline promises, measured on real processes. Never part of ``make test``."""
