"""What the journal tells of an alarm system as a whole: load, floods, nuisances, bad actors, weekly reports."""
