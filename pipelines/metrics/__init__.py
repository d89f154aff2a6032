"""What dashboards show: journeys out of events, and every number defined once."""
