"""Data in and out in bulk: tables of the plant and its people, samples, a whole company, and its erasure."""
