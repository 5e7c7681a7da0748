"""Tests of the science of machine health: hand-computed cases and made signals with a known answer."""
