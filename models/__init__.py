"""Training sets in, judged and registered rankers out."""
