"""Who is told what, when and by what: routes, rosters, channels, the outbox, its delivery. Not here: what happened."""
