"""Tests of the modules, mirroring apps/."""
