"""Bundles for other platforms, made from the installed grader."""
