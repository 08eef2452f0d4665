"""A package, so that the same file name may occur in every folder."""
