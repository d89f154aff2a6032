"""Outcomes: what organisations did with the plans that they were shown."""
