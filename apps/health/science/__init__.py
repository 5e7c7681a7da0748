"""The science of machine health: pure functions on arrays, each with its source. No Django, no clock, no file.

Time and seeds are arguments; what cannot be said is a ``NotEnough`` with its reason (evidence.py), never a number.
"""
