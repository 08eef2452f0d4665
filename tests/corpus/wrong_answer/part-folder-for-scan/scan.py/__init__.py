"""A folder where a file should be."""
