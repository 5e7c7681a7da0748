"""Tenants, whose rows are whose, and the database roles that keep it so. Not here: people (identity), money."""
