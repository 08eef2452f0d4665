"""Two or three scorecards side by side, in the terminal."""
