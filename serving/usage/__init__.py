"""Usage: events that hosts report, and their daily roll-up."""
