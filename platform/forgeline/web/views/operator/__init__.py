"""The operator's console: companies, what they cost and bring, announcements, how the service fares."""
