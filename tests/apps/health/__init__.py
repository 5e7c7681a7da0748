"""Tests of the module health."""
