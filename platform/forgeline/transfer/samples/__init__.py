"""Samples of the past in and out, as CSV and Parquet."""
