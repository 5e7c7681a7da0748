"""Pages on what a company pays for: its plan, what it uses, its invoices."""
