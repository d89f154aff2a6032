"""Training sets read into arrays, and how they are split."""
