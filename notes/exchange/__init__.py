"""Notes as files: written out, read back, and drafted from what other programs keep."""
