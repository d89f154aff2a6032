"""What was known when: checked tables, change logs, daily usage."""
