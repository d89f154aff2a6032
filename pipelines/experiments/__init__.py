"""What experiments show: effects with intervals that may be looked at daily, splits, exposures."""
