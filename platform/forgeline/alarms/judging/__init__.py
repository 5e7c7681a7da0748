"""Rules judged over columns of samples, in the samples' own time. Pure."""
