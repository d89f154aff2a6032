"""The plan ranker: its design matrix, learning, and what its training data cover."""
