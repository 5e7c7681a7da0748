"""Pages of the alarms: the live list, one alarm, the journal, rules and their editor."""
