"""What a scorecard looks like to people and pipelines: pure functions from Scorecard to text."""
