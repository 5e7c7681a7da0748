"""Work that takes longer than a request, and its files. Not here: what a job does; each area brings its own kinds."""
