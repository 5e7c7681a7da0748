"""Wing 2: plug-and-play modules, one folder each, all with the same rooms (README.md). None imports another."""
