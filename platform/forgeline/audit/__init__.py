"""Who changed what, when and from where: append-only. Not here: what happened to alarms (their own journal)."""
