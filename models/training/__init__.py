"""Train, judge and compare rankers, end to end."""
