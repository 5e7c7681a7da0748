"""Plans, subscriptions, what is used, and invoices. Not here: refusing what is beyond a plan (entitlements)."""
