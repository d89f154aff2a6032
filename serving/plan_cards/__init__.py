"""Plan cards: recommended plans with their reasons, and the whole catalogue."""
