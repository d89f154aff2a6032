"""What was known at an instant: checked tables, change logs, daily usage, the decision log."""
