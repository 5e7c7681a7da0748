"""Pages of messages: inbox and bell, own wishes, routes, rosters, channels, the log, answering by a link."""
