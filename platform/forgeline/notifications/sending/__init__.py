"""By what a letter leaves the house: e-mail and HTTP. No table is touched here; the outcome is an exception or none."""
