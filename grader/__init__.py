"""Grade repaired mini-GPT submissions: run in a sandbox, judged outside it."""

__version__ = "0.1.0"
