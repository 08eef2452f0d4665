"""What people say of a submission: marks of several reviewers, each blind to the others until theirs are in."""
