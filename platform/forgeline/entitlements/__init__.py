"""What a company may use at present: its limits, its modules, and whether it may use the pages at all."""
