"""New weights, points, titles or thresholds over scorecards that are stored: nothing is run again."""
