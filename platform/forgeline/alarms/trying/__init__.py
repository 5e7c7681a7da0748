"""The time machine: what a rule would have done over the stored samples, before it is published."""
