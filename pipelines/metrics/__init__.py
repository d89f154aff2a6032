"""The metrics of the dashboards: journeys from events, and every number defined once."""
