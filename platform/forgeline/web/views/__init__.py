"""Views of the plant's own pages, one noun a file. Each: find what is asked, one call, render."""
