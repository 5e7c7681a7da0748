"""A company as a whole: all of it as files, and its erasure with a record that it is gone."""
