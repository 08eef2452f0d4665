"""Does the grader judge right? A corpus with known truth, graded by the real path, against what it should get."""
