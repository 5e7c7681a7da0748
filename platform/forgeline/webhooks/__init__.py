"""Events told to other programs: endpoints, signed deliveries, their log. Not here: messages to people."""
