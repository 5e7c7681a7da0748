"""From a committed batch to a page that moves: publish, topics, the socket. Not here: what a page draws."""
