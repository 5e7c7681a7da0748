"""Pages of connections, one subject a file. Not here: reads (queries), writes (services), asking a source (probing)."""
