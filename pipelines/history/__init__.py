"""Reads checked tables as known at an instant: change logs, daily usage, the decision log."""
